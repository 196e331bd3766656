"""The sockets of a killed worker go with the next one, and lie where no other user can put anything."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.socket_scratch import SocketScratch

STARTED = """
import signal
from worker.fork_server import detect_devices
from worker.socket_scratch import SocketScratch

if __name__ == "__main__":
    sockets = SocketScratch()
    detect_devices(sockets=sockets.folder)
    print("there", flush=True)
    signal.pause()
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """TMPDIR, short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's are longer
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def sockets_in(folder: Path) -> list[Path]:
    return [*folder.rglob("listener-*")]


def test_a_killed_workers_sockets_go_with_the_next_one(short: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTED], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "there\n"
        assert sockets_in(short)
        os.kill(worker.pid, signal.SIGKILL)
    assert sockets_in(short)
    following = SocketScratch()
    assert not sockets_in(short)
    assert not [*short.glob("pymp-*")]
    following.close()
    assert not [*(short / f"epochal-{os.geteuid()}").iterdir()]


def test_what_others_can_write_to_is_not_used(short: Path) -> None:
    root = short / f"epochal-{os.geteuid()}"
    root.mkdir()
    root.chmod(0o777)
    sockets = SocketScratch()
    assert sockets.folder == short
    sockets.close()
