"""Which classes are taken for which: counts of the cells that have images, so that any number of classes fits."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from training.evaluation.outcomes import Labels, Outcomes


class Pair(NamedTuple):
    """How many `images` of the class `label` are taken for the class `predicted`, and which share of all images of
    `label` that is, in (0, 1]."""

    label: int
    predicted: int
    images: int
    share: float


@dataclass(frozen=True, eq=False, slots=True)
class Confusion:
    """`labels`, `predicted` and `counts`: of each cell with images, by label and then by predicted class. `support`:
    [classes], images of each class, undecided ones included, which are in no cell."""

    labels: Labels
    predicted: Labels
    counts: Labels
    support: Labels

    @classmethod
    def of(cls, outcomes: Outcomes, classes: int) -> Self:
        """Of a network with `classes` outputs."""
        decided = outcomes.decided
        keys = outcomes.labels[decided] * classes + outcomes.predicted[decided]
        cells, counts = np.unique(keys, return_counts=True)
        support = np.bincount(outcomes.labels, minlength=classes)
        return cls(cells // classes, cells % classes, counts, support)

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.support)

    @property
    def correct(self) -> Labels:
        """[classes], the diagonal."""
        return self._summed(self.labels == self.predicted)

    @property
    def predictions(self) -> Labels:
        """[classes], how many images are taken for each class."""
        return self._summed(np.ones(len(self.labels), np.bool_))

    def pairs(self, most: int | None = None) -> list[Pair]:
        """Of different classes, the most images first, and of equally many the larger share; at most `most`."""
        wrong = self.labels != self.predicted
        labels, predicted, counts = self.labels[wrong], self.predicted[wrong], self.counts[wrong]
        shares = counts / self.support[labels]
        order = np.lexsort((predicted, labels, -shares, -counts))[:most]
        columns = (column[order].tolist() for column in (labels, predicted, counts, shares))
        return [Pair(*row) for row in zip(*columns, strict=True)]

    def matrix(self, chosen: Labels | None = None) -> Labels:
        """int64 [K, K] of the `chosen` classes (each once), by default of all: a row for each true class."""
        chosen = np.arange(self.classes) if chosen is None else chosen
        places = np.full(self.classes, -1)
        places[chosen] = np.arange(len(chosen))
        rows, columns = places[self.labels], places[self.predicted]
        there = (rows >= 0) & (columns >= 0)
        matrix = np.zeros((len(chosen), len(chosen)), np.int64)
        matrix[rows[there], columns[there]] = self.counts[there]
        return matrix

    def _summed(self, cells: NDArray[np.bool_]) -> Labels:
        """The counts of some cells by predicted class."""
        sums = np.zeros(self.classes, np.int64)
        np.add.at(sums, self.predicted[cells], self.counts[cells])
        return sums
