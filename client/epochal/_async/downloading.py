"""Files, which come whole or not at all, and go on where a connection broke."""

from __future__ import annotations

import os
import re
import uuid
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import httpx2

from epochal._async.requester import AsyncRequester
from epochal._http import Backoff, connection_error
from epochal.errors import UnexpectedAnswerError

# What something in between compresses has other places than those of the file.
AS_IT_IS = {"Accept-Encoding": "identity"}


async def download(requester: AsyncRequester, address: str, path: str | os.PathLike[str]) -> Path:
    """Save a file at `path`, where it appears only when it is complete; in a folder, under its own name. Raises
    EpochalError and OSError."""
    target = Path(path)
    if target.is_dir():
        target = target / address.rstrip("/").rsplit("/", 1)[-1]
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    opened = _beside(part, target)
    try:
        with opened as file:
            await _save(requester, address, file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _beside(part: Path, target: Path) -> BinaryIO:
    """The file that is written first. Raises OSError with the name that was asked for."""
    try:
        return part.open("xb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


async def _save(requester: AsyncRequester, address: str, file: BinaryIO) -> None:
    """Each connection that gets further than all before it allows the full number of retries again."""
    digest, tag, furthest, backoff = sha256(), "", 0, Backoff(requester.options.max_retries)
    while True:
        rest = {"Range": f"bytes={file.tell()}-", "If-Range": tag} if tag and file.tell() else {}
        async with requester.open("GET", address, headers={**AS_IT_IS, **rest}) as response:
            tag = response.headers.get("ETag", "")
            if response.status_code != httpx2.codes.PARTIAL_CONTENT:  # another file, or all of it
                digest = sha256()
                file.seek(0)
                file.truncate()
            try:
                async for block in response.aiter_bytes():
                    digest.update(block)
                    file.write(block)
                break
            except httpx2.RequestError as error:
                if file.tell() > furthest:
                    furthest, backoff = file.tell(), Backoff(requester.options.max_retries)
                seconds = backoff.wait(connection_error(requester.base_url, error))
        await requester.sleep(seconds)
    if re.fullmatch('"[0-9a-f]{64}"', tag) and tag != f'"{digest.hexdigest()}"':
        raise UnexpectedAnswerError(f"the SHA-256 of {address} is not the one that its ETag says")
