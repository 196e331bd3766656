"""Archives to upload, and what uploads leave behind."""

import io
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import httpx2
from sqlalchemy import select, update

from jobs.usage import storage_by_kind
from models import Database, Project, Task, Upload, UploadPart
from storage import Storage


def archive(size: int = 300) -> bytes:
    """A zip of at least `size` bytes, as far as its first bytes tell. Every 64 KiB of it are others."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("cat/1.png", b"".join(number.to_bytes(8, "big") * 8192 for number in range(size // 2**16 + 1)))
    return written.getvalue()


def in_pieces(content: bytes, size: int = 2**16) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def head(method: str, path: str, *headers: str) -> bytes:
    """The first lines of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def chunk(content: bytes) -> bytes:
    """In the chunked coding."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def left(database: Database, storage: Storage) -> tuple[int, int, list[str]]:
    """How many uploads and parts there are, and the files."""
    with database.snapshot() as session:
        uploads = len(session.scalars(select(Upload.id)).all())
        parts = len(session.scalars(select(UploadPart.name)).all())
    return uploads, parts, storage.list_names("uploads")


PETS, UPLOADS = "/v1/datasets/pets", "/v1/uploads"
NOTHING: tuple[int, int, list[str]] = (0, 0, [])


def content_of(database: Database, storage: Storage, upload_id: str | None = None) -> bytes:
    """All that has arrived of an upload: of the only one, where none is named."""
    with database.snapshot() as session:
        wanted = upload_id or session.scalars(select(Upload.id)).one()
        names = select(UploadPart.name).where(UploadPart.upload_id == wanted).order_by(UploadPart.offset)
        return b"".join(map(storage.read, session.scalars(names)))


def kinds(database: Database, project: str = "default") -> dict[str, int]:
    with database.snapshot() as session:
        return storage_by_kind(session, project)


def limit(database: Database, **quotas: Any) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == "default").values(quotas))


ZIP = archive()


def accepted(answer: httpx2.Response, version: int = 1) -> None:
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["name"], body["version"], body["status"], body["source"]) == ("pets", version, "validating", "upload")
    assert body["progress"] == {"stage": "waiting", "done": 0, "total": None}
    assert answer.headers["location"] == body["links"]["self"] == f"{PETS}/versions/{version}"


def refused(answer: httpx2.Response, status: int, code: str, *words: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in str(problem["detail"])
    return problem


TUS = {"Tus-Resumable": "1.0.0"}
PART = {"Content-Type": "application/offset+octet-stream"}


def told(**metadata: str) -> dict[str, str]:
    """Metadata as tus has it."""
    return {
        "Upload-Metadata": ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in metadata.items())
    }


def created(client: httpx2.Client, size: int = len(ZIP), headers: dict[str, str] | None = None, **fields: Any) -> str:
    """The URL of a new upload."""
    answer = client.post(UPLOADS, json={"dataset": "pets", "bytes": size, **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


def send(
    client: httpx2.Client, url: str, content: bytes, offset: int = 0, headers: Mapping[str, str] = MappingProxyType({})
) -> httpx2.Response:
    return client.patch(url, content=content, headers={**PART, "Upload-Offset": str(offset), **headers})


def arrived(answer: httpx2.Response, offset: int, *, complete: bool = False) -> None:
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    assert (answer.headers["upload-offset"], answer.headers["upload-complete"]) == (str(offset), f"?{complete:d}")


def task_arguments(database: Database) -> dict[str, Any]:
    with database.snapshot() as session:
        return dict(session.scalars(select(Task)).one().arguments)
