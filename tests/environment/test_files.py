"""Who can read what the service writes, and where sockets may lie."""

import os
import tempfile
from pathlib import Path

import pytest

from environment.files import append_privately, make_private, make_private_folder, socket_folder, why_not_a_database
from environment.startup import CannotStart
from migrations import migrate
from models import Database
from settings import read_settings


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture(autouse=True)
def umask() -> None:
    """As most systems have it."""
    assert os.umask(0o022) is not None


def test_nobody_else_reads_a_database_that_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/a.db")
    migrate(database)
    with database.session():
        assert {path.name: mode(path) for path in (tmp_path / "new").iterdir()} == dict.fromkeys(
            ("a.db", "a.db-shm", "a.db-wal"), 0o600
        )
    database.dispose()
    assert mode(tmp_path / "new") == 0o700


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o640, 0o600), (0o664, 0o660), (0o666, 0o660)])
def test_what_others_could_read_of_one_that_is_there_they_cannot_any_more(
    before: int, after: int, tmp_path: Path
) -> None:
    for name in ("a.db", "a.db-wal", "a.db-shm"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(before)
    Database(f"sqlite:///{tmp_path}/a.db")
    assert {mode(path) for path in tmp_path.iterdir()} == {after}


def test_a_file_that_is_no_database_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("for everybody")
    Database(f"sqlite:///{file}")
    assert mode(file) == 0o644


def test_folders_and_logs_are_private_and_a_link_s_target_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    make_private_folder(tmp_path / "logs")
    os.close(append_privately(tmp_path / "logs" / "api.log"))
    assert (mode(tmp_path / "logs"), mode(tmp_path / "logs" / "api.log")) == (0o700, 0o600)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    make_private(tmp_path / "link")
    assert mode(tmp_path / "elsewhere") == 0o755


def test_sockets_lie_in_another_folder_where_the_path_of_tmpdir_is_too_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = tmp_path if len(str(tmp_path)) < 70 else Path("/tmp")
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert socket_folder() == str(short)
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 80)
    assert socket_folder() == "/tmp"
    monkeypatch.setattr("environment.files.SHORT_FOLDERS", ())
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(CannotStart, match=r"^TMPDIR should be a folder"):
        socket_folder()


@pytest.mark.parametrize("trouble", ["a file for a folder", "a folder for a file", "a link to nowhere", "a loop"])
def test_a_database_that_can_never_be_is_told_before_anything_starts(
    trouble: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "hunter2"
    match trouble:
        case "a file for a folder":
            place.touch()
        case "a folder for a file":
            (place / "a.db").mkdir(parents=True)
        case "a link to nowhere":
            place.symlink_to(tmp_path / "nowhere")
        case "a loop":
            place.symlink_to(place)
    assert why_not_a_database(place / "a.db")
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", f"sqlite:///{place}/a.db")
    with pytest.raises(SystemExit, match=r"^EPOCHAL_DATABASE_URL: the database cannot be used: ") as ended:
        read_settings()
    assert "hunter2" not in str(ended.value)
    assert "\n" not in str(ended.value)
