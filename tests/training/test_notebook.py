import shutil
import subprocess
import sys
from pathlib import Path

import training

THREE_LINES = """
from training.notebook import Trainer, TrainingSpec, load_dataset
trainer = Trainer(TrainingSpec(dataset="digits", architecture="resnet20", epochs=1), load_dataset("digits"))
print(*trainer.epochs(), sep="\\n")
"""


def test_three_lines_train_a_network_where_there_is_nothing_but_this_package(tmp_path: Path) -> None:
    """In an empty folder, which the interpreter is told to search first, and none of ours beside it."""
    source = Path(training.__file__).parent
    shutil.copytree(source, tmp_path / "training", ignore=shutil.ignore_patterns("__pycache__"))
    check = "\nimport sys; assert not {'api', 'worker', 'jobs', 'models', 'settings', 'logs'} & sys.modules.keys()"
    command = [sys.executable, "-c", THREE_LINES + check]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "test_accuracy=" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["training"], "nothing is left behind"
