"""Uploads of data sets. They go on where they stopped, also after this program was started again: what is sent of a
folder is always the same file, and the service knows what has arrived of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from epochal import types
from epochal._async.pages import AsyncPages
from epochal._async.requester import AsyncRequester
from epochal._async.resource import AsyncResource
from epochal._http import path_to
from epochal.errors import DatasetFailedError, EpochalError, NotFoundError, UnexpectedAnswerError
from epochal.uploading import (
    PATIENCE,
    OnProgress,
    Sending,
    UploadProgress,
    UploadRequest,
    check_name,
    check_split,
    next_step,
)

if TYPE_CHECKING:
    from epochal.checking import DatasetCheck
    from epochal.packing import UploadFile

LONG_WAIT, SHORT_WAIT = 20.0, 1.0  # seconds that the service holds an answer back; the second to show the progress
LARGEST_PAGE = 100


class AsyncUploading(AsyncResource):
    """The part of the data sets that checks and uploads them."""

    async def upload(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        test_fraction: float = 0.2,
        seed: int = 0,
        wait: bool = True,
        check: bool = True,
        on_progress: OnProgress | None = None,
    ) -> types.DatasetVersion:
        """Upload a folder, an archive or an .npz of arrays as the next version of the data set `name`, and wait until
        it is ready. With `check`, it is looked through first, and not sent where the service would refuse it.

        Images without a split are divided: `test_fraction` of each class, above 0 and below 1, to test on, by `seed`.
        An upload of the same file with the same split goes on where it broke off, and one that is complete is not sent
        again. A service that does not answer is waited for, for five minutes without a byte of progress; with
        `max_retries=0`, not at all. `on_progress` is told how far it is.

        Raises LocalError where a file cannot be read or changes meanwhile, DatasetFailedError where the service finds
        that it is no data set, and other EpochalErrors.
        """
        from epochal.packing import open_upload

        check_name(name)
        check_split(test_fraction, seed)
        # What is wrong with the address or the key is found before a large folder is read.
        await self._requester.request("GET", path_to("uploads"), query={"limit": 1})
        if check:
            await self._look(Path(path), on_progress)
        with await self._requester.in_thread(open_upload, Path(path)) as file:
            digest = await self._hash(file, on_progress)
            asked = UploadRequest(name, file.size, digest, test_fraction, seed)
            number = await self._send(file, asked, on_progress)
        if wait:
            return await self.wait(name, number, on_progress=on_progress)
        return await self.version(name, number)

    async def check(
        self,
        path: str | os.PathLike[str],
        *,
        test_fraction: float = 0.2,
        seed: int = 0,
        on_progress: Callable[[int], None] | None = None,
    ) -> DatasetCheck:
        """What the service would make of a folder or a file that is uploaded: see `epochal.checking.check`. Nothing is
        sent. `on_progress` is told how many images were decoded; beside an event loop, in another thread."""
        from epochal.checking import check

        chosen = partial(check, path, test_fraction=test_fraction, seed=seed, on_progress=on_progress)
        return await self._requester.in_thread(chosen)

    async def version(self, name: str, number: int) -> types.DatasetVersion:
        """One version of a data set, with its report once it is ready."""
        return await self._requester.request("GET", _path_of(name, number), cast=types.DatasetVersion)

    async def wait(self, name: str, number: int, *, on_progress: OnProgress | None = None) -> types.DatasetVersion:
        """Wait until a version is ready. Raises DatasetFailedError, with the service's code and hint, where it
        fails."""
        sending, answers = self._sending(), 0
        while True:
            try:
                found = await self._look_at_version(name, number, LONG_WAIT if on_progress is None else SHORT_WAIT)
            except EpochalError as error:
                await self._requester.sleep(sending.wait(error))
                continue
            if found.status == "failed":
                raise _failed(found)
            if found.status != "validating":
                return found
            if on_progress is not None and found.progress is not None:
                at = found.progress
                on_progress(UploadProgress("validating", at.done, at.total, at.stage))
            answers += 1
            sending.reach(answers)
            await self._requester.sleep(0.1)  # what is in between may answer at once

    async def _look_at_version(self, name: str, number: int, seconds: float) -> types.DatasetVersion:
        """As it is once it is no longer validated, or in so many seconds."""
        prefer = {"Prefer": f"wait={seconds:.0f}"}
        path = _path_of(name, number)
        return await self._once().request("GET", path, headers=prefer, wait=seconds, cast=types.DatasetVersion)

    async def _look(self, path: Path, on_progress: OnProgress | None) -> None:
        """Raises LocalError where the service would refuse what is at `path`."""
        from epochal.looking import Looking

        looking = await self._requester.in_thread(Looking, path)
        steps = looking.steps()
        while (done := await self._requester.in_thread(next_step, steps)) is not None:
            if on_progress is not None:
                on_progress(UploadProgress("looking", done, looking.total))
        if on_progress is not None:
            on_progress(UploadProgress("looking", looking.done, looking.done, look=looking.look))
        looking.look.raise_refusal()

    async def _hash(self, file: UploadFile, on_progress: OnProgress | None) -> str:
        """The SHA-256 of the file, in hexadecimal digits."""
        digest, steps = "", file.hashing()
        while (step := await self._requester.in_thread(next_step, steps)) is not None:
            done, digest = step
            if on_progress is not None:
                on_progress(UploadProgress("hashing", done, file.size))
        return digest

    async def _send(self, file: UploadFile, asked: UploadRequest, on_progress: OnProgress | None) -> int:
        """Send what is missing at the service. The number of the version."""
        upload, sending = None, self._sending()
        while upload is None or upload.version is None:
            try:
                upload = await self._standing(asked, upload)
                sending.reach(upload.received_bytes)
                if upload.version is None:
                    await self._send_rest(file, upload, sending, on_progress)
            except EpochalError as error:
                seconds = sending.wait(error)
                if on_progress is not None:
                    done = 0 if upload is None else upload.received_bytes
                    on_progress(UploadProgress("sending", done, file.size, error.message))
                await self._requester.sleep(seconds)
        if on_progress is not None:
            on_progress(UploadProgress("sending", file.size, file.size))
        return upload.version

    async def _standing(self, asked: UploadRequest, upload: types.Upload | None) -> types.Upload:
        """How the upload stands at the service; where there is none, it is begun."""
        once = self._once()
        if upload is not None:
            return await once.request("GET", path_to("uploads", upload.id), cast=types.Upload)
        found = await self._known(asked)
        if found is not None:
            return found
        return await once.request("POST", path_to("uploads"), json=asked.body(), cast=types.Upload)

    async def _known(self, asked: UploadRequest) -> types.Upload | None:
        """An upload that was made as this one is `asked` for: it broke off, or its version is good."""
        uploads = AsyncPages(self._once(), types.Upload, path_to("uploads"), {"limit": LARGEST_PAGE})
        async for upload in uploads:
            if asked.is_of(upload) and (upload.version is None or await self._is_good(asked.dataset, upload.version)):
                return upload
        return None

    async def _is_good(self, name: str, number: int) -> bool:
        """Whether a version is there, and has not failed."""
        try:
            found = await self._once().request("GET", _path_of(name, number), cast=types.DatasetVersion)
        except NotFoundError:
            return False
        return found.status != "failed"

    async def _send_rest(
        self, file: UploadFile, upload: types.Upload, sending: Sending, on_progress: OnProgress | None
    ) -> None:
        """Send all parts from where the upload stands."""
        at, once = upload.received_bytes, self._once()
        if at >= file.size:
            raise UnexpectedAnswerError("an upload of which all bytes have arrived should have a version")
        while at < file.size:
            if on_progress is not None:
                on_progress(UploadProgress("sending", at, file.size))
            part = await self._requester.in_thread(file.read_at, at, sending.part_bytes)
            began = time.monotonic()
            await once.request(
                "PATCH",
                path_to("uploads", upload.id),
                content=part,
                headers={"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at)},
            )
            sending.took(len(part), time.monotonic() - began)
            at += len(part)
            sending.reach(at)

    def _once(self) -> AsyncRequester:
        """Sends each request once: what follows from an error is decided here."""
        return self._requester.with_options(replace(self._requester.options, max_retries=0))

    def _sending(self) -> Sending:
        return Sending(PATIENCE if self._requester.options.max_retries else 0.0)


def _failed(version: types.DatasetVersion) -> DatasetFailedError:
    if version.error is None:
        return DatasetFailedError(f"{version.name}@{version.version} is no data set.", code="dataset_invalid")
    return DatasetFailedError(version.error.message, code=version.error.code, hint=version.error.hint)


def _path_of(name: str, number: int) -> str:
    return path_to("datasets", name, "versions", str(number))
