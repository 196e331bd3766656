"""The report of an evaluation: what a network does on a split, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.evaluation.calibration import Calibration, Reliability, calibrate, cross_entropy, reliability
from training.evaluation.confusion import Confusion, Pair
from training.evaluation.outcomes import Labels, Outcomes, Probabilities, Values
from training.evaluation.suspects import label_suspects
from training.images.identity import Digests
from training.images.packs import ID_DIGITS, SPLITS
from training.images.predictions import Predictions
from training.intervals import wilson_interval

FORMAT = "epochal-evaluation/1"
MOST_PAIRS, MOST_MISTAKES, MOST_SUSPECTS = 100, 100, 200
TOP = 5


@dataclass(frozen=True, slots=True)
class ClassResult:
    """Of one class. `images`: with this label. `predicted`: taken for it. `precision` is None where no image is,
    `recall` and `f1` where no image has the label."""

    name: str
    images: int
    predicted: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Means:
    """Over the `classes` that have images; the precision of one that nothing is taken for counts as 0."""

    classes: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """`index`: the image's place in the split, from 0. `image`: the first digits of its content's digest, which are its
    id in every version of an uploaded data set that has it. `probability` and `label_probability`: what the network
    gives to the class that it takes it for, and to its label."""

    index: int
    image: str
    label: int
    predicted: int
    probability: float
    label_probability: float


@dataclass(frozen=True, slots=True)
class Report:
    """`accuracy_interval`: Wilson's, of 95 %. `top5_accuracy`: None with five classes or fewer. `loss`: mean
    cross-entropy, None where every image is undecided. `undecided`: images for which the network gave no numbers: they
    count as wrong, and are in no cell of the confusion matrix. Labels are places in `classes`.

    `suspects` are None where there are too many classes and images to keep all probabilities.
    """

    format: str
    dataset_identity: str
    split: str
    images: int
    undecided: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    top5_accuracy: float | None
    loss: float | None
    means: Means
    classes: tuple[ClassResult, ...]
    pairs: tuple[Pair, ...]
    reliability: Reliability
    calibration: Calibration | None
    mistakes: tuple[Mistake, ...]
    suspects: tuple[Mistake, ...] | None
    confusion: Confusion = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """What a report is made of. `outcomes`: of every image of the split. `sample`: rows of it, in order, whose
    `probabilities` are kept, all of them where they fit. `held_out`: labels and probabilities of images of a validation
    split, which may be none. `digests`: of every image of the split, as predictions have them."""

    classes: Sequence[str]
    dataset_identity: str
    split: str
    digests: Digests
    outcomes: Outcomes
    sample: Labels
    probabilities: Probabilities
    held_out: tuple[Labels, Probabilities] | None


def of_predictions(found: Predictions) -> Report:
    """Of what a job's network makes of the test split; images of the training split are those that it held out. Raises
    ValueError where there is no test image."""
    is_test = found.splits == SPLITS.index("test")
    labels, probabilities = found.labels.astype(np.int64), found.probabilities
    held_out = (labels[~is_test], probabilities[~is_test]) if not is_test.all() else None
    tested = probabilities[is_test] if held_out else probabilities
    outcomes = Outcomes.of(labels[is_test], tested)
    rows = np.arange(len(outcomes))
    return report(
        Judged(
            classes=found.classes,
            dataset_identity=found.dataset_identity,
            split="test",
            digests=found.digests[is_test],
            outcomes=outcomes,
            sample=rows,
            probabilities=tested,
            held_out=held_out,
        )
    )


def report(judged: Judged) -> Report:
    """Raises ValueError where there is no image."""
    outcomes, names = judged.outcomes, judged.classes
    images = len(outcomes)
    if not images:
        raise ValueError(f"there are no {judged.split} images to evaluate")
    right, decided = int(outcomes.right.sum()), outcomes.decided
    confusion = Confusion.of(outcomes, len(names))
    results = _by_class(names, confusion)
    return Report(
        format=FORMAT,
        dataset_identity=judged.dataset_identity,
        split=judged.split,
        images=images,
        undecided=images - int(decided.sum()),
        accuracy=right / images,
        accuracy_interval=wilson_interval(right, images),
        top5_accuracy=float((outcomes.ranks < TOP).mean()) if len(names) > TOP else None,
        loss=cross_entropy(outcomes.label_probabilities[decided]) if decided.any() else None,
        means=_means(results),
        classes=results,
        pairs=tuple(confusion.pairs(MOST_PAIRS)),
        reliability=reliability(outcomes.confidences, outcomes.right),
        calibration=calibrate((outcomes.labels[judged.sample], judged.probabilities), judged.split, judged.held_out),
        mistakes=_mistakes(judged),
        suspects=_suspects(judged) if len(judged.sample) == images else None,
        confusion=confusion,
    )


def _by_class(names: Sequence[str], confusion: Confusion) -> tuple[ClassResult, ...]:
    columns = (each.tolist() for each in (confusion.support, confusion.predictions, confusion.correct))
    return tuple(_class_result(*row) for row in zip(names, *columns, strict=True))


def _class_result(name: str, images: int, predicted: int, correct: int) -> ClassResult:
    return ClassResult(
        name=name,
        images=images,
        predicted=predicted,
        correct=correct,
        precision=correct / predicted if predicted else None,
        recall=correct / images if images else None,
        f1=2 * correct / (images + predicted) if images else None,
    )


def _means(results: Sequence[ClassResult]) -> Means:
    there = [each for each in results if each.images]
    figures = np.array([(each.precision or 0, each.recall or 0, each.f1 or 0) for each in there])
    precision, recall, f1 = figures.mean(axis=0).tolist()
    return Means(len(there), precision, recall, f1)


def _mistakes(judged: Judged) -> tuple[Mistake, ...]:
    """The most confident first."""
    outcomes = judged.outcomes
    rows = np.flatnonzero(outcomes.decided & ~outcomes.right)
    rows = rows[np.argsort(-outcomes.confidences[rows], kind="stable")[:MOST_MISTAKES]]
    return _told(judged, rows, outcomes.predicted[rows], outcomes.confidences[rows])


def _suspects(judged: Judged) -> tuple[Mistake, ...]:
    """With the class that each is likely to have as the predicted one."""
    rows, likely = (found[:MOST_SUSPECTS] for found in label_suspects(judged.outcomes, judged.probabilities))
    return _told(judged, rows, likely, judged.probabilities[rows, likely].astype(np.float64))


def _told(judged: Judged, rows: Labels, predicted: Labels, given: Values) -> tuple[Mistake, ...]:
    outcomes = judged.outcomes
    images = [digest.tobytes().hex()[:ID_DIGITS] for digest in judged.digests[rows]]
    columns = (outcomes.labels[rows], predicted, given, outcomes.label_probabilities[rows])
    values = zip(rows.tolist(), images, *(column.tolist() for column in columns), strict=True)
    return tuple(Mistake(*row) for row in values)
