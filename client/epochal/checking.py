"""What can be found out on this machine before a data set is sent.

`look` needs Python alone. `check` decodes every image and makes the report that the service would make: it needs the
packages of `epochal[check]`. Both run the code that the service itself runs.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochal.errors import LocalError
from epochal.looking import Look, LookFinding, Looking, refused
from epochal.packing import open_upload
from epochal.uploading import check_split
from training.errors import DatasetInvalid

__all__ = ["DatasetCheck", "Look", "LookFinding", "Looking", "check", "look"]

BUFFER_BYTES = 2**18
PACKAGES = frozenset({"numpy", "PIL", "zstandard"})  # of the extra `check`


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """What the service would find. `identity` is that of the version that it would become; `report` is its report."""

    identity: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    report: dict[str, Any]


def look(path: str | os.PathLike[str], on_progress: Callable[[int, int | None], None] | None = None) -> Look:
    """Look through a folder or a file that is to be uploaded. `on_progress` is told now and then how many files were
    looked at, and of how many: None where that is not known."""
    looking = Looking(Path(path))
    for done in looking.steps():
        if on_progress is not None:
            on_progress(done, looking.total)
    return looking.look


def check(
    path: str | os.PathLike[str],
    *,
    test_fraction: float = 0.2,
    seed: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> DatasetCheck:
    """What the service would make of a folder or a file that is uploaded with `test_fraction` and `seed`.

    `on_progress` is told now and then how many images were decoded. Raises LocalError, with the reason and a hint,
    where the service would refuse it, and where a package is missing. Images are decoded without the bounds on memory
    and time that the service has: check what is your own.
    """
    check_split(test_fraction, seed)
    try:
        from training.dataset_check.assembly import SplitRule
        from training.dataset_check.checking import check as check_archive
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        message = f"The check needs the package {error.name}, which is not installed."
        raise LocalError(message, code="package_missing", hint="pip install numpy pillow zstandard") from error
    with open_upload(Path(path)) as file, io.BufferedReader(file, BUFFER_BYTES) as source:
        try:
            rule = SplitRule(test_fraction, seed)
            found = check_archive(source, file.size, rule, on_progress or _not_told)
            report = found.report()
        except DatasetInvalid as error:
            raise refused(error) from error
    index = found.index
    return DatasetCheck(
        index.identity,
        tuple(index.classes),
        int(index.in_split("train").sum()),
        int(index.in_split("test").sum()),
        report,
    )


def _not_told(_images: int) -> None:
    """For whoever does not want to know."""
