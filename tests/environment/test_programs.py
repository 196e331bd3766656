"""Every program, with variables that are wrong: a line for each, before anything is made or started."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

import api.__main__
import demo
import migrations.__main__
import serve
import serving.__main__
import worker.__main__
import worker.health
from settings import Settings

ROOT = Path(__file__).parents[2]
PROGRAMS: dict[str, Callable[[], object]] = {
    "serve": serve.main,
    "demo": demo.main,
    "api": api.__main__.main,
    "serving": serving.__main__.main,
    "worker": worker.__main__.main,
    "health": worker.health.main,
    "migrations": migrations.__main__.main,
}
WRONG = {
    "EPOCHAL_REDIS_URL": "redis://:hunter2#more@127.0.0.1:6379/0",
    "EPOCHAL_DATABASE_URL": "postgresql://u:hunter2/more@127.0.0.1/name",
    "EPOCHAL_STORAGE_URL": "s3://hunter2:more@bucket",
    "EPOCHAL_HOST": "hunter2:more",
    "EPOCHAL_PORT": "hunter2",
    "EPOCHAL_WEBHOOK_NETWORKS": "hunter2",
    "EPOCHAL_ADMIN_KEY_FILE": "~hunter2/more",
    "EPOCHAL_DATASETS_DIR": "/etc/passwd/hunter2",
    "EPOCHAL_DATABSE_URL": "hunter2",
}
OF_OTHERS = {
    "EPOCHAL_URL": "http://127.0.0.1:8000",
    "EPOCHAL_API_KEY": "hunter2",
    "EPOCHAL_SERVICE_HOST": "10.0.0.1",
    "EPOCHAL_REDIS_URL_PORT": "tcp://10.0.0.1:6379",
}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where everything would lie, with every variable wrong."""
    for name, value in {**OF_OTHERS, **WRONG, "EPOCHAL_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def require_a_line_each(said: str, folder: Path) -> None:
    assert sorted(line.partition(" ")[0].rstrip(":") for line in said.splitlines()) == sorted(WRONG)
    assert "hunter2" not in said
    assert "more" not in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_ends_with_a_line_for_each_wrong_variable(
    program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [program, *(["digits"] if program == "demo" else [])])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[program]()
    require_a_line_each(str(ended.value), folder)


def test_so_does_its_process(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "migrations"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    require_a_line_each(done.stderr, folder)


def test_what_is_set_reaches_the_processes_that_are_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broker = SecretStr("redis://127.0.0.1:6379/0")
    for given in ({}, {"export_formats": ()}, {"export_formats": ("int8", "onnx"), "import_roots": ("file:///srv",)}):
        settings = Settings.model_validate({"data_dir": tmp_path, "redis_url": broker, **given})
        for name, value in serve._environment(settings, broker).items():
            if name.startswith("EPOCHAL_"):
                monkeypatch.setenv(name, value)
        assert Settings() == settings
