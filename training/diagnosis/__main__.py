"""Says what a run's curves mean.

    python -m training.diagnosis FILE [--spec spec.json] [--classes 100] [--train-images 50000] [--test-images 10000]

FILE: CSV or JSON, as `training.diagnosis.files` describes them; accuracies as fractions or percentages; columns by
their names here, or as Keras and others call them (loss, val_loss, accuracy, val_accuracy, top1, lr). With the spec,
suggestions fit it, and findings that a curve alone does not tell are found. Exits with 2 where a file cannot be read.
"""

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from training.diagnosis import Facts, Finding, diagnose
from training.diagnosis.files import from_file
from training.known.datasets import KNOWN_DATASETS
from training.spec import ResolvedSpec, TrainingSpec


def main(arguments: list[str] | None = None) -> int:
    """Print the findings, the most important first."""
    parser = argparse.ArgumentParser(prog="python -m training.diagnosis", description="What a run's curves mean.")
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or JSON with a row for each epoch")
    parser.add_argument("--spec", type=Path, help="the job's spec, JSON")
    for name in ("classes", "train-images", "test-images"):
        parser.add_argument(f"--{name}", type=int, help="where it is known")
    given = parser.parse_args(arguments)
    try:
        spec = _spec(given.spec) if given.spec else None
        facts = _facts(spec, given.classes, given.train_images, given.test_images)
        run = from_file(given.file, spec=spec, facts=facts)
    except (OSError, ValueError) as error:
        print(f"{given.file}: {error}", file=sys.stderr)  # noqa: T201 - the terminal is its user interface
        return 2
    print("\n\n".join(map(as_text, diagnose(run))) or "Nothing to say.")  # noqa: T201 - likewise
    return 0


def _spec(path: Path) -> ResolvedSpec:
    try:
        return TrainingSpec.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _facts(spec: ResolvedSpec | None, classes: int | None, train: int | None, test: int | None) -> Facts:
    """As given, and what is known of a data set that Epochal knows by name."""
    known = KNOWN_DATASETS.get(spec.dataset) if spec else None
    if known is None:
        return Facts(classes=classes, train_images=train, test_images=test)
    return Facts(
        classes=classes or known.classes,
        train_images=train or known.train_images,
        test_images=test or known.test_images,
        image_size=known.image_size,
        channels=known.channels,
    )


def as_text(finding: Finding) -> str:
    """A finding, and what to try."""
    said = f"{finding.code} ({finding.severity}): {finding.sentence}"
    if finding.suggestion is None:
        return said
    tried = finding.suggestion
    return f"{said}\n  Try {json.dumps(tried.spec)}\n  {tried.expected} {tried.why}"


if __name__ == "__main__":
    sys.exit(main())
