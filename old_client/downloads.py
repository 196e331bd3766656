"""Downloads files, and continues where the connection broke."""

import uuid
from hashlib import sha256
from pathlib import Path

import httpx2

from old_client.connection import CONNECTION_LOST, RETRY_AFTER_SECONDS, Connection, Retries
from old_client.errors import EpochalError, without_login


def download(connection: Connection, address: str, path: Path) -> Path:
    """Save a file at `path`, where it appears only when it is complete. Raises EpochalError and OSError."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        _save(connection, address, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _save(connection: Connection, address: str, destination: Path) -> None:
    """Each connection that brings data allows the full number of retries again."""
    digest, headers, retries = sha256(), dict[str, str](), Retries(RETRY_AFTER_SECONDS)
    with destination.open("xb") as file:
        while True:
            response = connection.request("GET", address, headers=headers, retry_on=CONNECTION_LOST, stream=True)
            tag, began = response.headers.get("ETag"), file.tell()
            try:
                if began and response.status_code != httpx2.codes.PARTIAL_CONTENT:  # another file, or all of it
                    began, digest = file.seek(0), sha256()
                    file.truncate()
                for block in response.iter_bytes():
                    digest.update(block)
                    file.write(block)
                break
            except httpx2.RequestError as error:
                if file.tell() > began:
                    retries = Retries(RETRY_AFTER_SECONDS)
                retries.wait(connection.unreachable(error))
            finally:
                response.close()
            headers = {"Range": f"bytes={file.tell()}-", "If-Range": tag} if tag and file.tell() else {}
    if tag != f'"{digest.hexdigest()}"':
        raise EpochalError(f"{without_login(str(response.url))} did not come over whole.", code="damaged_download")
