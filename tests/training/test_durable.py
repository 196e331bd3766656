import errno
from pathlib import Path

import pytest

from training.durable import write_durably


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    write_durably(path, b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_the_file_that_it_opened(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    write_durably(path, b"old")
    with path.open("rb") as opened:
        write_durably(path, b"new")
        assert opened.read() == b"old"


def test_content_name_and_folder_reach_the_disk_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    synced = []

    def note(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), path.exists()))

    monkeypatch.setattr("os.fsync", note)
    write_durably(path, b"new")
    (written, there_before), (folder, there_after) = synced
    assert (written.parent, there_before) == (tmp_path, False)
    assert (folder, there_after) == (tmp_path, True)


def _failing(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("breaks", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_temporary(
    breaks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights"
    write_durably(path, b"old")
    with monkeypatch.context() as broken:
        broken.setattr(breaks, _failing)
        with pytest.raises(OSError, match="No space left") as raised:
            write_durably(path, b"new")
    assert raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "nowhere" / "weights", b"new")
