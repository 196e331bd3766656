"""Evaluates a run's network: on the test split, and on the validation split where there is one."""

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

# For the normalisation statistics of an averaged network when a run is stopped: all images could take an hour, these
# take some seconds.
STOPPED_IMAGES = 10_000

BetweenBatches = Callable[[], object]


class EvaluationStopped(Exception):  # it is no error
    """The run was told to stop during an evaluation."""


class Evaluator:
    """Evaluates networks on a run's data. All processes of a team make the same calls in the same order."""

    def __init__(
        self, spec: ResolvedSpec, dataset: Dataset, batches: Batches, device: torch.device, team: Team
    ) -> None:
        self._batches, self._team, self._device = batches, team, device
        self._classes = len(dataset.classes)
        self._test_rows = torch.arange(len(dataset.test.labels))
        self._test_feed = make_feed(dataset.test, device, spec.placement)

    def stop_check(self, should_stop: Callable[[], bool]) -> BetweenBatches:
        """A function that raises EvaluationStopped once any process of the team is told to stop."""

        def check() -> None:
            if self._team.any_process_says(should_stop(), device=self._device)[0]:
                raise EvaluationStopped

        return check

    def evaluate(
        self, network: nn.Module, precision: Precision, between: BetweenBatches
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
        """Of the test split, int64 [classes, classes]: a row for each true class, a column for each predicted one."""
        return confusion_matrix(network, self._test(precision, lambda: None))

    def measure_average(
        self,
        average: ExponentialAverage | StochasticAverage | None,
        between: BetweenBatches,
        most: int | None = None,
    ) -> None:
        """Measure the normalisation statistics of an average of weights that has none of its own yet: on all training
        images, or on `most` of them."""
        if isinstance(average, StochasticAverage) and average.started and not average.measured:
            average.measure_statistics(_checked(self._batches.unaugmented(most), between))

    def _test(self, precision: Precision, between: BetweenBatches) -> EvaluationData:
        return EvaluationData(
            self._test_feed,
            self._test_rows,
            self._batches.normalise,
            self._classes,
            precision,
            self._team,
            between,
        )


def _checked(batches: Iterator[Tensor], between: BetweenBatches) -> Iterator[Tensor]:
    for batch in batches:
        between()
        yield batch
