"""The client that waits is what is made of the client that is awaited."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_client_that_waits_is_the_one_that_is_made() -> None:
    check = [sys.executable, "client/unasync.py", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: python client/unasync.py"
