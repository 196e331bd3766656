"""Evaluates a run's network: on the test split, and on the validation split where there is one."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from training.engine.averages import ExponentialAverage, StochasticAverage
from training.engine.batches import Batches
from training.engine.data import Dataset, make_feed
from training.engine.evaluation import Evaluation, EvaluationData, confusion_matrix, evaluate, probabilities
from training.engine.team import Team
from training.images.packs import SPLITS
from training.images.predictions import Predictions
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
        self._dataset, self._batches, self._team, self._device = dataset, batches, team, device
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
        if not len(self._batches.validation_rows):
            return test, None
        return test, evaluate(network, self._validation(precision, between))

    @property
    def prediction_bytes(self) -> int:
        """What the probabilities of `predictions` take."""
        return 4 * self._classes * (len(self._batches.validation_rows) + len(self._test_rows))

    def predictions(self, network: nn.Module, precision: Precision, between: BetweenBatches) -> Predictions:
        """What `network` gives to the images of the validation split and then of the test split, of which neither was
        trained on."""
        found = {
            "train": probabilities(network, self._validation(precision, between)),
            "test": probabilities(network, self._test(precision, between)),
        }
        samples = {"train": self._batches.validation_rows, "test": self._test_rows}
        labels = {name: split.sample_labels for name, split in self._dataset.splits.items()}
        digests = [self._dataset.sample_digests(name)[samples[name].numpy()] for name in SPLITS]
        return Predictions(
            classes=self._dataset.classes,
            dataset_identity=self._dataset.identity,
            splits=np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(samples[name]) for name in SPLITS]),
            labels=torch.cat([labels[name][samples[name]] for name in SPLITS]).numpy().astype(np.int32),
            digests=np.concatenate(digests),
            probabilities=torch.cat([found[name] for name in SPLITS]).numpy(),
        )

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

    def _validation(self, precision: Precision, between: BetweenBatches) -> EvaluationData:
        batches = self._batches
        rows, normalise = batches.validation_rows, batches.normalise
        return EvaluationData(batches.feed, rows, normalise, self._classes, precision, self._team, between)

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
