"""Files of jobs, from the storage to the client, a block at a time."""

from collections.abc import Iterator

import structlog
from fastapi.responses import StreamingResponse

from api.errors import StorageUnavailable
from storage import Storage, StoredFile

MEDIA_TYPE = "application/octet-stream"

log = structlog.get_logger()


def download(storage: Storage, file: StoredFile) -> StreamingResponse:
    """`file`, to be saved under a name of its own. Raises StorageUnavailable.

    A storage that stops answering in the middle cuts the connection: whoever reads sees that `Content-Length` is more.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name.replace("/", "-")}"',
        "Content-Length": str(file.size_bytes),
        "ETag": f'"{file.sha256}"',
    }
    return StreamingResponse(_blocks(storage, file.name), media_type=MEDIA_TYPE, headers=headers)


def _blocks(storage: Storage, name: str) -> Iterator[bytes]:
    try:
        return storage.stream(name)
    except OSError as error:
        log.warning("file not read", name=name, error=str(error))
        raise StorageUnavailable(f"It does not give {name} out: ask again in a few seconds.") from error
