"""All files of a trained model as one zip, the same to the byte each time."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

import structlog

from api.http.errors import StorageUnavailable
from api.reading.zip_stream import zipped
from catalog.trained.file_names import MANIFEST
from storage import Storage, StoredFile

log = structlog.get_logger()


def archive(storage: Storage, manifest: bytes, files: Mapping[str, StoredFile]) -> Iterator[bytes]:
    """The zip in pieces, by name. Raises StorageUnavailable where a file cannot be read, or is no longer what was
    stored: the client sees that the answer has no end."""
    contents = {name: (file.size_bytes, _checked(storage, file)) for name, file in files.items()}
    contents[MANIFEST] = len(manifest), iter([manifest])
    return zipped((name, *contents[name]) for name in sorted(contents))


def _checked(storage: Storage, file: StoredFile) -> Iterator[bytes]:
    digest = sha256()
    try:
        for block in storage.stream(file.name):
            digest.update(block)
            yield block
    except OSError as error:
        log.warning("file not read", name=file.name, error=str(error))
        raise StorageUnavailable("It does not give out a file of the model: ask again in a few seconds.") from None
    if digest.hexdigest() != file.sha256:
        log.warning("file damaged", name=file.name)
        raise StorageUnavailable("A file of the trained model is no longer what was stored.")
