"""The application as a whole: what it needs, what it imports, how it starts and stops."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from api.app import create_app
from settings import Settings
from tests.api.conftest import LocalClient

REPOSITORY = Path(__file__).parents[2]


def test_start_without_a_broker_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPOCHAL_REDIS_URL", raising=False)
    app = create_app(Settings(data_dir=tmp_path))
    with pytest.raises(RuntimeError, match="EPOCHAL_REDIS_URL is not set"), LocalClient(app):
        pass


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_REDIS_URL", f"redis+socket://{tmp_path}/no.sock")
    monkeypatch.setenv("EPOCHAL_DATA_DIR", str(tmp_path))
    with LocalClient(create_app()) as client:
        assert client.get("/livez").json() == {"status": "live"}


def test_import_is_light() -> None:
    """Neither what trains nor what draws or decodes."""
    script = "import api.app, sys; print([name for name in ('torch', 'matplotlib', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_leaves_no_thread_when_it_stops(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.periodic.LEAVE_WITHIN_SECONDS", 60)  # of a task on its way, on a busy machine
    monkeypatch.setattr("api.service.non_blocking_queue.BROKER_TIMEOUT_SECONDS", 60)
    with LocalClient(create_app(settings)) as client:
        client.get("/readyz")
        assert {"send", "periodic tasks"} <= {thread.name for thread in threading.enumerate()}
    assert not {"send", "periodic tasks"} & {thread.name for thread in threading.enumerate()}
