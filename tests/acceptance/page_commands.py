"""The commands of the pages in docs/, as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import ROOT


def commands(page: str, heading: str) -> str:
    """The commands of a page below one heading."""
    text = (ROOT / "docs" / page).read_text()
    [section] = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(re.findall(r"^```sh$(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def said(folder: Path, url: str, script: str, **variables: str) -> str:
    """What a shell prints. A command that fails ends it."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": path, "URL": url, "HOME": str(folder), "LC_ALL": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout
