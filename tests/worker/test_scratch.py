"""What a killed worker leaves on the disk is removed, and what a living one needs is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from worker.scratch import Scratch

HOLDER = """
import sys, time
from pathlib import Path
from worker.scratch import Scratch

scratch = Scratch(Path(sys.argv[1]), "worker.1-abc")
scratch.open()
folder = scratch.folder("task_1")
folder.mkdir(parents=True)
(folder / "upload").write_bytes(b"x")
print("there", flush=True)
time.sleep(60)
"""


def test_a_killed_workers_folder_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    root = tmp_path / "validating"
    with subprocess.Popen([sys.executable, "-c", HOLDER, root], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "there\n"
        other = Scratch(root, "worker-2")
        other.open()
        own = other.folder("task_2")
        own.mkdir(parents=True)
        assert (root / "worker.1-abc" / "task_1" / "upload").exists()
        os.kill(holder.pid, signal.SIGKILL)
    other.sweep()
    assert sorted(path.name for path in root.iterdir()) == ["worker-2", "worker-2.lock"]
    assert own.exists()
    other.close()
    assert list(root.iterdir()) == []


def test_a_sweep_at_the_same_time_is_harmless(tmp_path: Path) -> None:
    first, second = Scratch(tmp_path, "a"), Scratch(tmp_path, "b")
    first.open()
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone.lock").touch()
    second.open()
    first.sweep()
    assert not (tmp_path / "gone").exists()
    second.close()
    first.close()
