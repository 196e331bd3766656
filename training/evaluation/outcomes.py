"""What a network makes of each image, in a few numbers an image: nearly all that a report needs of any number of
classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Values = NDArray[np.float64]
Probabilities = NDArray[np.float32]  # [N, classes], each row with the sum 1, or with NaN

UNDECIDED = -1  # in place of a predicted class
BLOCK_VALUES = 2**21  # probabilities that are computed with at once: bounds what that takes of memory
SMALLEST = float(np.finfo(np.float32).tiny)  # a GPU rounds what is smaller to 0, which has no logarithm


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """Of N images. `labels`: the true classes. `predicted`: the class with the largest probability, and of several
    equal ones the first; UNDECIDED where a probability is not a number. `ranks`: how many classes come before the true
    one, as many as there are classes where it is undecided. `confidences` and `label_probabilities`: what the network
    gives to the predicted class and to the true one; NaN where it is undecided."""

    labels: Labels
    predicted: Labels
    ranks: Labels
    confidences: Values
    label_probabilities: Values

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """[N], whether every probability is a number."""
        decided: NDArray[np.bool_] = self.predicted != UNDECIDED
        return decided

    @property
    def right(self) -> NDArray[np.bool_]:
        """[N], whether the predicted class is the true one."""
        right: NDArray[np.bool_] = self.predicted == self.labels
        return right

    @classmethod
    def of(cls, labels: Labels, probabilities: Probabilities) -> Self:
        """`labels`: [N], each a column of `probabilities`."""
        parts = [cls._of_block(labels[rows], probabilities[rows]) for rows in blocks(probabilities)]
        return cls.joined(parts or [cls._of_block(labels, probabilities)])

    @classmethod
    def joined(cls, parts: "Sequence[Outcomes]") -> Self:
        """Of the images of all `parts`, of which there is at least one, in this order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def _of_block(cls, labels: Labels, probabilities: Probabilities) -> Self:
        count, classes = probabilities.shape
        decided = np.isfinite(probabilities).all(axis=1)
        own = probabilities[np.arange(count), labels][:, None]
        before = (probabilities > own) | ((probabilities == own) & (np.arange(classes) < labels[:, None]))
        predicted = probabilities.argmax(axis=1)
        confidences = probabilities[np.arange(count), predicted]
        return cls(
            labels,
            np.where(decided, predicted, UNDECIDED),
            np.where(decided, before.sum(axis=1), classes),
            np.where(decided, confidences, np.nan).astype(np.float64),
            np.where(decided, own[:, 0], np.nan).astype(np.float64),
        )


def blocks(probabilities: Probabilities) -> Iterator[slice]:
    """The rows, some at a time."""
    count, classes = probabilities.shape
    step = max(1, BLOCK_VALUES // max(1, classes))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
