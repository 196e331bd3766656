"""What a worker's machine keeps of uploaded data sets: decoded images, by project and content. Torch-free.

A folder for each content of each project: no project profits from, or can find out, what another has uploaded.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

_IDENTITY = re.compile(r"[0-9a-f]{64}")


def folder_of(cache_dir: Path, project: str, identity: str) -> Path:
    """Where a project's images of one content are kept."""
    assert _IDENTITY.fullmatch(identity)
    return cache_dir / "uploaded" / project / identity


def forget_deleted(cache_dir: Path, is_there: Callable[[str, str], bool]) -> None:
    """Delete what is kept of data sets that `is_there`, which is given a project and an identity, does not know. A
    trainer that has mapped the files keeps them until it ends."""
    for folder in sorted((cache_dir / "uploaded").glob("*/*")):
        if _IDENTITY.fullmatch(folder.name) and not is_there(folder.parent.name, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
