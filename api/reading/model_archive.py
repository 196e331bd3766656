"""All files of a trained model as one zip, made while it is sent: a block of one file is in memory at a time.

The archive is reproducible to the byte: names in order, one time for all, nothing compressed.
"""

import io
from collections.abc import Iterator, Mapping
from hashlib import sha256
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import structlog

from api.http.errors import StorageUnavailable
from storage import Storage, StoredFile

TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
PERMISSIONS = 0o644 << 16
UNIX = 3  # so that the permissions mean something
LARGE_BYTES = 2**31 - 1  # a file of more has sizes of 64 bits

log = structlog.get_logger()


class _Outgoing(io.RawIOBase):
    """Keeps what is written until it is taken. It cannot seek, so that the zip is written from front to back."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        block = bytes(content)  # type: ignore[call-overload]
        self._written.append(block)
        return len(block)

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken


def archive(storage: Storage, manifest: bytes, files: Mapping[str, StoredFile]) -> Iterator[bytes]:
    """The zip, a block at a time. Raises StorageUnavailable where a file cannot be read, or is no longer what was
    stored: the client sees that the answer has no end."""
    outgoing = _Outgoing()
    with ZipFile(outgoing, "w", ZIP_STORED) as packed:
        packed.writestr(_entry("manifest.json", len(manifest)), manifest)
        for name in sorted(files):
            file = files[name]
            with packed.open(_entry(name, file.size_bytes), "w", force_zip64=file.size_bytes > LARGE_BYTES) as member:
                for block in _checked(storage, file):
                    member.write(block)
                    yield outgoing.take()
    yield outgoing.take()


def _entry(name: str, size: int) -> ZipInfo:
    entry = ZipInfo(name, TIME)
    entry.create_system, entry.external_attr, entry.file_size = UNIX, PERMISSIONS, size
    return entry


def _checked(storage: Storage, file: StoredFile) -> Iterator[bytes]:
    digest = sha256()
    try:
        for block in storage.stream(file.name):
            digest.update(block)
            yield block
    except OSError as error:
        log.warning("file not read", name=file.name, error=str(error))
        raise StorageUnavailable(
            "It does not give a file of the trained model out: ask again in a few seconds."
        ) from None
    if digest.hexdigest() != file.sha256:
        log.warning("file damaged", name=file.name)
        raise StorageUnavailable("A file of the trained model is no longer what was stored.")
