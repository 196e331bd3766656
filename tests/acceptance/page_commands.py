"""The commands of docs/data.md, as they stand there."""

import re
import subprocess
from pathlib import Path

from tests.acceptance.conftest import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text()


def commands(heading: str) -> str:
    """The commands below one heading."""
    [section] = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return "\n".join(re.findall(r"^```sh$(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def said(folder: Path, url: str, script: str) -> str:
    """What a shell prints. A command that fails ends it."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "URL": url, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout
