"""What a large upload takes of the process that receives it; and what is left of it when that is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from jobs import dataset_garbage
from jobs.uploads import PART_BYTES
from models import Database
from settings import Settings
from storage import Storage
from tests.api.sending import PETS, ZIP, accepted, content_of, created, head, in_pieces, left, send

REPOSITORY = Path(__file__).parents[2]
UPLOADED_BYTES = 96 * 2**20
MOST_GROWTH_BYTES = 64 * 2**20


@contextmanager
def api(settings: Settings) -> Iterator[tuple["subprocess.Popen[bytes]", httpx2.Client]]:
    """`python -m api`, and a client of it."""
    assert settings.redis_url
    environment = {
        **os.environ,
        "EPOCHAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "EPOCHAL_REDIS_URL": settings.redis_url.get_secret_value(),
        "EPOCHAL_DATA_DIR": str(settings.data_dir),
        "EPOCHAL_LOG_LEVEL": "warning",
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "--fd", str(listening.fileno())],
            cwd=REPOSITORY,
            env=environment,
            pass_fds=[listening.fileno()],
        )
        host, port = listening.getsockname()
    try:
        with httpx2.Client(base_url=f"http://{host}:{port}", timeout=600) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def peak_bytes(pid: int) -> int:
    """The most memory that it has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_it_takes_a_part_of_it_in_memory(settings: Settings) -> None:
    """However it is sent."""
    content = ZIP + bytes(UPLOADED_BYTES)
    with api(settings) as (process, client):
        accepted(client.put(PETS, content=ZIP))
        before = peak_bytes(process.pid)
        accepted(client.put(PETS, content=content), version=2)
        accepted(client.put(PETS, content=in_pieces(content)), version=3)
        accepted(client.post(PETS, files={"file": ("pets.zip", content)}), version=4)
        assert send(client, created(client, len(content)), content).status_code == 204
        grown = peak_bytes(process.pid) - before
    assert grown < MOST_GROWTH_BYTES


def test_an_api_that_is_killed_has_kept_what_it_had_stored(
    settings: Settings, database: Database, storage: Storage
) -> None:
    """The upload goes on there, in another process, and no file is left that is none of its parts."""
    content = ZIP + bytes(2 * PART_BYTES)
    with api(settings) as (process, client):
        url = created(client, len(content))
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as sending:
            part = ["Upload-Offset: 0", "Content-Type: application/offset+octet-stream"]
            sending.sendall(head("PATCH", url, *part, f"Content-Length: {len(content)}") + content[:-1000])
            while client.head(url).headers["upload-offset"] == "0":
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with api(settings) as (_, client):
        offset = int(client.head(url).headers["upload-offset"])
        assert offset in (PART_BYTES, 2 * PART_BYTES)
        assert send(client, url, content[offset:], offset).status_code == 204
        assert client.get(url).json()["version"] == 1
    dataset_garbage.collect(database, storage)
    assert content_of(database, storage) == content
    uploads, parts, files = left(database, storage)
    assert (uploads, parts) == (1, len(files))
