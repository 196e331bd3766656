from pathlib import Path

import pytest

from training.host_memory import available_memory, host_memory


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.host_memory.CONTROL_GROUP", tmp_path)
    monkeypatch.setattr("training.host_memory.MEMORY_INFO", meminfo := tmp_path / "meminfo")
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert host_memory() == (9000 * 1024, 5000 * 1024)
    assert available_memory() == 5000 * 1024
    (tmp_path / "memory.max").write_text("4000000\n")
    (tmp_path / "memory.current").write_text("3500000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 250000\n")
    assert host_memory() == (4_000_000, 750_000)
    assert available_memory() == 750_000
    (tmp_path / "memory.max").write_text("max\n")
    assert host_memory() == (9000 * 1024, 5000 * 1024)


def test_without_proc_all_memory_is_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.host_memory.CONTROL_GROUP", tmp_path)
    monkeypatch.setattr("training.host_memory.MEMORY_INFO", tmp_path / "none")
    memory = host_memory()
    assert memory.total == memory.available > 2**20
