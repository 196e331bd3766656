"""Data sets: uploaded from a folder or an archive, looked at, mended and deleted.

An upload that broke off goes on where it stopped, also after this program was started again: a folder is always the
same tar.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from old_client.archives import archive_of
from old_client.connection import (
    ANY_CONNECTION_ERROR,
    RETRY_AFTER_SECONDS,
    Connection,
    Retries,
    decode_response,
    path_to,
)
from old_client.errors import EpochalError

PART_BYTES = 8 * 2**20  # sent in one request
WAIT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class DatasetProgress:
    """How far a validation is."""

    stage: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class DatasetError:
    """Why an upload is no data set."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A version of a data set. `report` has counts, sizes and findings, once it is ready."""

    name: str
    version: int
    status: str  # validating, ready or failed
    source: str
    parent: int | None
    identity: str | None
    train_images: int | None
    test_images: int | None
    created_at: datetime
    finished_at: datetime | None
    progress: DatasetProgress | None
    classes: list[str] | None
    channels: int | None
    image_size: int | None
    storage_bytes: int
    other_numbers: list[int]
    report: dict[str, Any] | None
    error: DatasetError | None
    links: dict[str, str] | None

    @property
    def reference(self) -> str:
        """As the `dataset` of a spec."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way into a data set."""

    id: str
    dataset: str
    bytes: int | None
    received_bytes: int
    sha256: str | None
    test_fraction: float
    seed: int
    status: str
    version: int | None
    created_at: datetime
    expires_at: datetime | None
    links: dict[str, str | None] | None


@dataclass(frozen=True, slots=True)
class _Numbered:
    version: int


class Datasets:
    """The project's own data sets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def upload(
        self, name: str, path: str | Path, *, test_fraction: float = 0.2, seed: int = 0, wait: bool = True
    ) -> DatasetVersion:
        """Upload a folder or an archive as the next version of `name`, and wait until it is ready. Images without a
        split are divided by `test_fraction` and `seed`. Raises EpochalError, also where the version fails; and OSError.
        """
        with archive_of(Path(path)) as file:
            size, digest = _measured(file)
            asked = {"dataset": name, "bytes": size, "sha256": digest, "test_fraction": test_fraction, "seed": seed}
            upload = self._unfinished(asked) or self._connection.send(Upload, "POST", path_to("uploads"), asked)
            number = self._send(file, upload)
        return self.wait(name, number) if wait else self.version(name, number)

    def versions(self, name: str) -> Iterator[DatasetVersion]:
        """All versions, the newest first, each with its report."""
        for row in self._connection.pages(_Numbered, path_to("datasets", name, "versions")):
            yield self.version(name, row.version)

    def version(self, name: str, number: int) -> DatasetVersion:
        """One version."""
        return self._connection.get(DatasetVersion, path_to("datasets", name, "versions", str(number)))

    def wait(self, name: str, number: int) -> DatasetVersion:
        """Wait until a version is ready. Raises EpochalError with its code and hint where it fails."""
        path = path_to("datasets", name, "versions", str(number))
        while True:
            response = self._connection.request(
                "GET", path, headers={"Prefer": f"wait={WAIT_SECONDS}"}, retry_on=ANY_CONNECTION_ERROR
            )
            found = decode_response(DatasetVersion, response)
            if found.status == "failed" and found.error:
                raise EpochalError(f"{found.error.message} {found.error.hint}", code=found.error.code)
            if found.status != "validating":
                return found
            time.sleep(0.1)  # a service that does not know the header answers at once

    def edit(self, name: str, number: int, edits: Sequence[Mapping[str, Any]]) -> DatasetVersion:
        """Make the next version, with `edits` as the API takes them; it is being validated."""
        path = path_to("datasets", name, "versions", str(number), "edits")
        return self._connection.send(DatasetVersion, "POST", path, {"edits": [dict(edit) for edit in edits]})

    def delete(self, name: str, number: int | None = None) -> None:
        """Delete a version, or the data set with all its versions."""
        parts = ["datasets", name, *([] if number is None else ["versions", str(number)])]
        self._connection.request("DELETE", path_to(*parts))

    def _unfinished(self, asked: Mapping[str, Any]) -> Upload | None:
        """An upload that broke off and was made as this one is `asked` for: of the same file, and with its split."""
        for upload in self._connection.pages(Upload, path_to("uploads")):
            made = asdict(upload)
            if upload.status == "uploading" and all(made[field] == value for field, value in asked.items()):
                return upload
        return None

    def _send(self, file: BinaryIO, upload: Upload) -> int:
        """Send what is missing. The number of the version."""
        path, retries = path_to("uploads", upload.id), Retries(RETRY_AFTER_SECONDS)
        while upload.version is None:
            try:
                file.seek(upload.received_bytes)
                self._connection.send_bytes(
                    "PATCH",
                    path,
                    file.read(PART_BYTES),
                    {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(upload.received_bytes)},
                )
                retries = Retries(RETRY_AFTER_SECONDS)
            except EpochalError as error:
                if error.status is not None and error.status not in (409, 502, 503, 504):
                    raise
                retries.wait(error)
            upload = self._connection.get(Upload, path)
        return upload.version


def _measured(file: BinaryIO) -> tuple[int, str]:
    """Bytes, and SHA-256 in hexadecimal digits."""
    digest, size = sha256(), 0
    while block := file.read(PART_BYTES):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
