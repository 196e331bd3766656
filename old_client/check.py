"""Checks a folder or an archive of images on this machine, before it is uploaded: `pip install 'epochal[check]'`.

It is the code that the service itself runs, and needs Pillow and numpy alone: what cannot be read, what is passed over,
classes and counts, duplicates, images under two labels, and all other findings are those that the service will report.

    python -m old_client.check pets/ --test-fraction 0.3 --seed 7
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from old_client.archives import archive_of
from old_client.errors import EpochalError
from training.dataset_check.assembly import SplitRule
from training.dataset_check.checking import check
from training.errors import DatasetInvalid

SEEDS = 2**53  # from 0 on, as the API takes them


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """What the service would find. `identity` is that of the version that it would become; `report` is its report."""

    identity: str
    classes: Sequence[str]
    train_images: int
    test_images: int
    report: dict[str, Any]


def check_dataset(
    path: str | Path,
    *,
    test_fraction: float = 0.2,
    seed: int = 0,
    say: Callable[[int], None] = lambda _images: None,
) -> DatasetCheck:
    """What the service would make of a folder or an archive that is uploaded with `test_fraction` and `seed`. `say` is
    told now and then how many images were looked at. Raises EpochalError, with the reason and a hint, where the service
    would refuse it; and OSError."""
    _check_split(test_fraction, seed)
    try:
        with archive_of(Path(path)) as file:
            size = file.seek(0, 2)
            found = check(file, size, SplitRule(test_fraction, seed), say)
    except DatasetInvalid as error:
        raise EpochalError(str(error), code="dataset_invalid") from error
    return DatasetCheck(
        identity=found.index.identity,
        classes=found.index.classes,
        train_images=int(found.index.in_split("train").sum()),
        test_images=int(found.index.in_split("test").sum()),
        report=found.report(),
    )


def _check_split(test_fraction: float, seed: int) -> None:
    """Raises EpochalError where the API would refuse them, and says the same."""
    if not test_fraction > 0:
        raise EpochalError(f"test_fraction should be more than 0, not {test_fraction}", code="invalid_request")
    if not test_fraction < 1:
        raise EpochalError(f"test_fraction should be less than 1, not {test_fraction}", code="invalid_request")
    if seed < 0:
        raise EpochalError(f"seed should be at least 0, not {seed}", code="invalid_request")
    if seed >= SEEDS:
        raise EpochalError(f"seed should be less than {SEEDS:,}, not {seed}", code="invalid_request")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m old_client.check",
        description="Look through images as the service would, and print its report as JSON.",
    )
    parser.add_argument("path", help="a folder or an archive of images")
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=0.2,
        help="share of each class to test on, where the images come without a split (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of that split (default: %(default)s)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """`python -m old_client.check PATH`: the report as JSON. 1 where the service would refuse it."""
    asked = _parser().parse_args(arguments)
    try:
        found = check_dataset(asked.path, test_fraction=asked.test_fraction, seed=asked.seed)
    except (EpochalError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(found.report, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
