"""Which images a run's network is tried on, and by whose statistics: the test split, and what was split off."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from training.engine.averages import ExponentialAverage, StochasticAverage
from training.engine.batches import Batches
from training.engine.data import Dataset, make_feed
from training.engine.evaluation import Evaluation, EvaluationData, confusion_matrix, evaluate
from training.engine.team import Team
from training.metrics import Precision
from training.spec import ResolvedSpec

STOPPED_IMAGES = 10_000  # by which a stopped run's average is measured: some seconds, where all may take an hour

Between = Callable[[], object]


class Stopped(Exception):  # it is no error
    """Whoever runs the trainer wants it to stop, in the middle of an evaluation."""


class Evaluator:
    """Tries networks on a run's data. All of a team call the same at the same time."""

    def __init__(
        self, spec: ResolvedSpec, dataset: Dataset, batches: Batches, device: torch.device, team: Team
    ) -> None:
        self._batches, self._team, self._device = batches, team, device
        self._classes = len(dataset.classes)
        self._test_rows = torch.arange(len(dataset.test.labels))
        self._test_feed = make_feed(dataset.test, device, spec.placement)

    def asking(self, should_stop: Callable[[], bool]) -> Between:
        """Raises Stopped once any process of the team is told to stop."""

        def ask() -> None:
            if self._team.agree(should_stop(), device=self._device)[0]:
                raise Stopped

        return ask

    def evaluate(
        self, network: nn.Module, precision: Precision, between: Between
    ) -> tuple[Evaluation, Evaluation | None]:
        """On the test split, and on the validation split where there is one."""
        test = evaluate(network, self._test(precision, between))
        rows = self._batches.validation_rows
        if not len(rows):
            return test, None
        validation = EvaluationData(
            self._batches.feed, rows, self._batches.normalise, self._classes, precision, self._team, between
        )
        return test, evaluate(network, validation)

    def confusion(self, network: nn.Module, precision: Precision) -> Tensor:
        """Of the test split: int64 [classes, classes], the image's class by what it is taken for."""
        return confusion_matrix(network, self._test(precision, lambda: None))

    def measure(
        self,
        average: ExponentialAverage | StochasticAverage | None,
        between: Between,
        most: int | None = None,
    ) -> None:
        """Normalisation statistics of an average that has none of its own yet; on `most` images where that is given."""
        if isinstance(average, StochasticAverage) and average.started and not average.measured:
            average.measure_statistics(_asking(self._batches.clean(most), between))

    def _test(self, precision: Precision, between: Between) -> EvaluationData:
        return EvaluationData(
            self._test_feed,
            self._test_rows,
            self._batches.normalise,
            self._classes,
            precision,
            self._team,
            between,
        )


def _asking(batches: Iterator[Tensor], between: Between) -> Iterator[Tensor]:
    for batch in batches:
        between()
        yield batch
