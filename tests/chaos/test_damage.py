import os
from pathlib import Path

from tests.chaos.damage import damage, newest_checkpoint


def _checkpoint(storage: Path, attempt: int, modified_at: float) -> Path:
    path = storage / f"job_1/attempt-{attempt:04}/epoch-0001-step-000000.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0123456789")
    os.utime(path, (modified_at, modified_at))
    return path


def test_the_newest_checkpoint_is_found_and_nothing_else(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    newest, _ = _checkpoint(tmp_path, 1, 200.0), _checkpoint(tmp_path, 2, 100.0)
    newest.with_name("weights.safetensors").write_bytes(b"")
    newest.with_name(f".{newest.name}.1.1").write_bytes(b"")
    assert newest_checkpoint(tmp_path) == newest


def test_one_byte_changes_or_the_end_is_missing(tmp_path: Path) -> None:
    changed, cut_off = _checkpoint(tmp_path, 1, 1.0), _checkpoint(tmp_path, 2, 1.0)
    damage(changed, cut_off=False)
    assert [place for place, byte in enumerate(changed.read_bytes()) if byte != b"0123456789"[place]] == [5]
    damage(cut_off, cut_off=True)
    assert cut_off.read_bytes() == b"01234"


def test_what_is_deleted_stays_so(tmp_path: Path) -> None:
    damage(tmp_path / "gone.safetensors", cut_off=False)
    assert not any(tmp_path.iterdir())
