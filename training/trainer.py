"""How a network is trained, from top to bottom.

What a run computes is a function of its spec and its data: the weights start from the spec's seed, and order and
augmentation are functions of (seed, epoch, sample). On one machine's CPU its numbers repeat to the bit; other devices,
precisions and numbers of threads round differently.
"""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from training.augment import Augmenter
from training.data import Dataset
from training.draws import permutation
from training.evaluation import evaluate
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.networks import build_network
from training.normalisation import Normalisation
from training.optimizers import build_optimizer
from training.plan import count_flops, count_parameters, network_plan
from training.precision import autocast, choose_precision
from training.schedules import learning_rate_at
from training.spec import TrainingSpec


class SpecConflict(ValueError):
    """The spec does not fit its data. `path` is the field's place within the spec."""

    def __init__(self, path: tuple[str, ...], reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""

    def __init__(self, metrics: StepMetrics) -> None:
        super().__init__(
            f"The loss was {metrics.loss} at step {metrics.step} of epoch {metrics.epoch}, "
            f"with a learning rate of {metrics.learning_rate:.6g}."
        )
        self.metrics = metrics


class Trainer:
    """Trains one network on one device.

    The data set lies on the device as uint8 and is augmented and normalised there, batch by batch. Losses and
    counts accumulate on the device; the host waits for it once a logging interval and once an epoch.
    """

    def __init__(self, spec: TrainingSpec, dataset: Dataset, device: torch.device | str = "cpu") -> None:
        """Raises SpecConflict where `spec` does not fit `dataset`."""
        for path, _value, reason in spec.conflicts_with(len(dataset.train.labels), dataset.image_size):
            raise SpecConflict(path, reason)
        self.spec = spec
        self.device = torch.device(device)
        self.precision = choose_precision(spec.precision, self.device)
        self.train, self.test = dataset.train.to(self.device), dataset.test.to(self.device)
        self.normalise = Normalisation.of(self.train.images)
        self.augmenter = Augmenter(spec.augmentation, self.train.images, spec.seed)
        self.batches = batch_bounds(len(self.train.labels), spec.batch_size)

        plan = network_plan(spec.architecture, dataset.image_size, dataset.channels, len(dataset.classes))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(spec.seed)  # on the CPU: the same starting weights on every device
            network = build_network(plan)
        self.network: nn.Module = network.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = build_optimizer(spec.optimizer, self.network)
        self.facts = RunFacts(
            device=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type,
            precision=self.precision,
            torch_version=torch.__version__,
            threads=torch.get_num_threads(),
            parameters=count_parameters(plan),
            flops=count_flops(plan),
            classes=len(dataset.classes),
            image_size=dataset.image_size,
            channels=dataset.channels,
            train_images=len(self.train.labels),
            test_images=len(self.test.labels),
            steps_per_epoch=len(self.batches),
        )

    def epochs(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[StepMetrics | EpochMetrics]:
        """Train. Yields a step's metrics every `logging_interval` steps and an epoch's at its end.

        Ends early, between two steps, once `should_stop` says so. Raises Diverged.
        """
        for epoch in range(self.spec.epochs):
            started = time.perf_counter()
            totals = torch.zeros(2, dtype=torch.float64, device=self.device)  # summed loss, correct answers
            order = permutation(len(self.train.labels), self.spec.seed, epoch, self.device)

            self.network.train()
            for step, (first, end) in enumerate(self.batches):
                if should_stop():
                    return
                loss = self._step(epoch, step, order[first:end], totals)
                if step % self.spec.logging_interval == 0:
                    yield self._checked(epoch, step, loss.item())

            train_loss, train_accuracy = (totals / len(order)).tolist()
            trained = time.perf_counter()
            self._checked(epoch, len(self.batches) - 1, train_loss)
            test = evaluate(self.network, self.test, self.normalise, self.precision)
            if math.isnan(test.loss):  # the last step broke the network
                self._checked(epoch, len(self.batches) - 1, test.loss)
            yield EpochMetrics(
                epoch=epoch,
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                test_loss=test.loss,
                test_accuracy=test.accuracy,
                test_top5_accuracy=test.top5_accuracy,
                learning_rate=self._learning_rate(epoch, len(self.batches) - 1),
                seconds=time.perf_counter() - started,
                images_per_second=len(order) / (trained - started),
                device_memory_bytes=self._peak_memory(),
            )

    def _step(self, epoch: int, step: int, samples: torch.Tensor, totals: torch.Tensor) -> torch.Tensor:
        """One optimizer step on `samples` (int64 [B]); adds to `totals` and returns the batch's mean loss, all on
        the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(epoch, step)
        images, labels = self.normalise(self.augmenter.batch(samples, epoch)), self.train.labels[samples]
        with autocast(self.precision, self.device):
            logits = self.network(images)
        loss = cross_entropy(logits.float(), labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

        correct = (logits.detach().argmax(1) == labels).sum()
        totals += torch.stack((loss.detach().double() * len(samples), correct.double()))
        return loss.detach()

    def _learning_rate(self, epoch: int, step: int) -> float:
        return learning_rate_at(
            epoch * len(self.batches) + step,
            schedule=self.spec.schedule,
            peak=self.spec.optimizer.learning_rate,
            steps_per_epoch=len(self.batches),
            epochs=self.spec.epochs,
        )

    def _checked(self, epoch: int, step: int, loss: float) -> StepMetrics:
        metrics = StepMetrics(epoch=epoch, step=step, loss=loss, learning_rate=self._learning_rate(epoch, step))
        if not math.isfinite(loss):
            raise Diverged(metrics)
        return metrics

    def _peak_memory(self) -> int | None:
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each batch of an epoch begins and ends; all of `images` (2 at least) are used.

    The last batch may be smaller. A single left-over image joins the batch before it: batch normalisation
    cannot normalise one value.
    """
    starts = list(range(0, images, batch_size))
    if images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))
