"""How a network is trained, from top to bottom.

Training repeats one step: take a batch of images, let the network guess their classes (forward), find out how each
weight should change to make the guesses less wrong (backward), and change it a little that way (the optimizer). The
loss says how wrong: the cross-entropy between guesses and labels, in nats. Once every image has been seen, an epoch
is over, and the network is tried on images that it does not learn from. A train loss that goes on falling while the
test loss rises is overfitting: the network learns its images by heart.

What a run computes is a function of its spec and of what its data holds: the weights start from the spec's seed, and
order and augmentation are functions of (seed, epoch, sample). So a run that was stopped at any step, and goes on from
`state_dict()`, ends as one that was not: bit for bit where the spec says `deterministic` and the fingerprint in the
facts is the same.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.durable import write_durably
from training.engine.autotuning.tuner import StepTuner
from training.engine.averages import StochasticAverage, build_average, update_average
from training.engine.batches import Batches
from training.engine.conflicts import require_fit
from training.engine.data import Dataset
from training.engine.device.determinism import prepare_process
from training.engine.evaluation import Evaluation
from training.engine.evaluator import STOPPED_IMAGES, EvaluationStopped, Evaluator
from training.engine.facts import gather_facts
from training.engine.optimizers import build_optimizer, set_learning_rates
from training.engine.progress import EpochClock, Progress, SavePoint, is_evaluated
from training.engine.resuming import contents_of, require_same_run
from training.engine.schedules import LearningRate
from training.engine.signals import has_layers
from training.engine.starting_weights import read_starting_weights, starting_network
from training.engine.step import TrainingStep
from training.engine.team import ALONE, Team
from training.engine.totals import Diverged, RunningTotals, Totals, require_finite
from training.engine.weights import WEIGHTS_DIR, Inputs, pack_weights
from training.images.predictions import Predictions
from training.metrics import EpochMetrics, RunFacts, StepChoice, StepMetrics
from training.plan import network_plan
from training.spec import RangeTest, ResolvedSpec

TUNE_AFTER = (0, 2)  # epoch and step: a fixed place, so that two runs are tuned at the same step


class Trainer:
    """Trains one network on one device, or as one of a team.

    Losses and counts accumulate on the device; the host waits for it once a logging interval and once an epoch.
    """

    def __init__(
        self,
        spec: ResolvedSpec,
        dataset: Dataset,
        device: torch.device | str = "cpu",
        *,
        team: Team = ALONE,
        cache_dir: Path | None = None,
        weights_dir: Path = WEIGHTS_DIR,
        already_accepted: bool = False,
    ) -> None:
        """`cache_dir` keeps measured speeds for later runs; `weights_dir` holds the weights that a spec may start from;
        `already_accepted` is as for `training.engine.conflicts.require_fit`.

        Raises SpecConflict where `spec` does not fit `dataset`, `device` or these weights.
        """
        spec, given = read_starting_weights(spec, weights_dir, dataset.image_size)
        self.spec, self.device, self.team = spec, torch.device(device), team
        require_fit(spec, dataset, self.device, team, already_accepted=already_accepted)
        prepare_process(self.device, deterministic=spec.deterministic)
        self._use_data(dataset)

        self.plan = network_plan(spec.architecture, dataset.image_size, dataset.channels, len(dataset.classes))
        start = starting_network(self.plan, spec, given, dataset.classes)
        self.network = team.normalise_together(start.network).to(self.device)
        self.optimizer = build_optimizer(spec.optimizer, self.network, start.learning_rate_factors)
        self.average = build_average(spec.regularisation, self.network)
        self.learning_rate = LearningRate(spec)

        self.step = TrainingStep(self.network, self.optimizer, self.plan, spec, self.device, team)
        self.tuner = StepTuner(self.step, self.batches, spec, self.device, cache_dir)
        self.progress = Progress()
        self.totals = RunningTotals(self.device, team)
        # Of a range test, which leaves the weights that it started from.
        self._start = _copied(self.network) if isinstance(spec.schedule, RangeTest) else None
        # Kept where an epoch can be chosen by images that are no test images, and for early stopping.
        self.best_weights: dict[str, Tensor] | None = None

    def _use_data(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.batches = Batches(self.spec, dataset, self.device, self.team)
        self.evaluator = Evaluator(self.spec, dataset, self.batches, self.device, self.team)
        self._data = dataset.contents.state()

    def epochs(
        self, should_stop: Callable[[], bool] = lambda: False, should_save: Callable[[], bool] = lambda: False
    ) -> Iterator[RunFacts | StepMetrics | EpochMetrics | SavePoint]:
        """Train. Yields a step's metrics every `logging_interval` steps and an epoch's at its end; the facts anew when
        a faster way of computing a step has been found; and, between two steps, a SavePoint once `should_save` says
        so. There, after an epoch's metrics, and at the end, `state_dict` is whole.

        Ends early, between two steps or in an evaluation, once `should_stop` says so; another call goes on from there.
        It is called between all operations that take time, so that the caller sees that the run goes on. Raises
        Diverged.
        """
        try:
            yield from self._epochs(should_stop, should_save)
        except Diverged as error:
            if self._start is None:
                raise
            yield error.metrics  # what a range test looks for
            self.progress.epoch, self.progress.step, self.progress.stopped_early = self.progress.epoch + 1, 0, True
        if self._start and self.progress.finished(self.spec):
            self.network.load_state_dict(self._start)

    def _epochs(
        self, should_stop: Callable[[], bool], should_save: Callable[[], bool]
    ) -> Iterator[RunFacts | StepMetrics | EpochMetrics | SavePoint]:
        while not self.progress.finished(self.spec):
            clock, first_step = EpochClock(), self.progress.step
            yield from self._train_epoch(clock, should_stop, should_save)
            if self.progress.step < len(self.batches):
                return
            try:
                yield self._finish_epoch(clock, first_step, should_stop)
            except EvaluationStopped:
                return

    def _train_epoch(
        self, clock: EpochClock, should_stop: Callable[[], bool], should_save: Callable[[], bool]
    ) -> Iterator[RunFacts | StepMetrics | SavePoint]:
        """The remaining steps of the epoch. `training/engine/step.py` says what a step is:
        forward, backward and update."""
        epoch, first = self.progress.epoch, self.progress.step
        self.network.train()
        for step, parts in enumerate(self.batches.epoch(epoch, first), start=first):
            stop, save = self._ask(step, should_stop, should_save)
            if stop:
                return
            if save:
                with clock.stopped():
                    yield SavePoint(epoch, step)
            set_learning_rates(self.optimizer, self.learning_rate.factor(epoch, step, len(self.batches)))
            losses = self.step(parts, self.batches.images(step), epoch, step, should_stop)
            update_average(self.average, epoch, step, len(self.batches))
            self.totals.add(losses, step)
            self.progress.step += 1
            if step % self.spec.logging_interval == 0:
                yield self._step_metrics(losses, step)
            if (epoch, step) == TUNE_AFTER:
                with clock.stopped():  # tuning does not count as training
                    found = self.tuner.tune(parts, len(self.batches) * self.spec.epochs, should_stop)
                if found:
                    yield self.facts

    def _ask(self, step: int, *questions: Callable[[], bool]) -> list[bool]:
        """The answers to `questions`. The processes of a team must act on the same ones, and wait for each other to
        exchange them: once a logging interval. In between, the answer is no."""
        answers = [question() for question in questions]  # each step: the caller takes a call for a sign of life
        if self.team.size > 1 and step % self.spec.logging_interval:
            return [False] * len(questions)
        return self.team.any_process_says(*answers, device=self.device)

    def _step_metrics(self, losses: Tensor, step: int) -> StepMetrics:
        """Waits for the device. Raises Diverged, of the first step whose loss was not finite."""
        found = self._read(losses)
        return self._metrics_of(found.loss / self.batches.images(step), step)

    def _read(self, losses: Tensor | None = None) -> Totals:
        """The sums of the epoch; of one step, where its `losses` are given. Waits for the device; raises Diverged."""
        found = self.totals.read(latest=losses)
        if math.isfinite(found.first_nonfinite_step):
            step = int(found.first_nonfinite_step)
            metrics = self._metrics_of(self.totals.first_nonfinite_loss(step), step)
            raise Diverged(metrics, f"The training loss was {metrics.loss} at step {step} of epoch {metrics.epoch}")
        return found

    def _metrics_of(self, loss: float, step: int) -> StepMetrics:
        epoch = self.progress.epoch
        learning_rate = self.learning_rate.at(epoch, step, len(self.batches))
        return StepMetrics(epoch=epoch, step=step, loss=loss, learning_rate=learning_rate)

    def _finish_epoch(self, clock: EpochClock, first_step: int, should_stop: Callable[[], bool]) -> EpochMetrics:
        """Read the sums of the epoch, evaluate the network, and go on to the next epoch. Raises EvaluationStopped: then
        the epoch is still to be evaluated."""
        epoch, last_step = self.progress.epoch, len(self.batches) - 1
        found, signals, images = self._read(), self.step.signals.read(), len(self.batches.rows)
        trained = clock.seconds()
        test = validation = None
        if is_evaluated(epoch, self.spec):
            test, validation = self._evaluate(should_stop)
        metrics = EpochMetrics(
            epoch=epoch,
            train_loss=found.loss / images,
            train_accuracy=found.correct / images,
            test_loss=test.loss if test else None,
            test_accuracy=test.accuracy if test else None,
            test_top5_accuracy=test.top5_accuracy if test else None,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            learning_rate=self.learning_rate.at(epoch, last_step, len(self.batches)),
            seconds=clock.seconds(),
            images_per_second=sum(map(self.batches.images, range(first_step, last_step + 1))) / trained,
            device_memory_bytes=torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None,
            gradient_norm=signals.gradient_norm,
            update_ratio=signals.update_ratio,
            dead_units=signals.dead_units,
            loading_share=min(1.0, self.batches.waited / trained) if first_step <= last_step else None,
            layers=signals.layers if has_layers(epoch, self.spec.epochs) else None,
        )
        require_finite(metrics, self.step.loss_scale)
        self._learn_from(metrics)
        self.progress.epoch, self.progress.step = epoch + 1, 0
        self.totals.reset()
        self.step.signals.reset()
        return metrics

    def _evaluate(self, should_stop: Callable[[], bool]) -> tuple[Evaluation, Evaluation | None]:
        """Of the test split, and of the validation split where there is one. Raises EvaluationStopped."""
        between = self.evaluator.stop_check(should_stop)
        self.evaluator.measure_average(self.average, between)
        return self.evaluator.evaluate(self.evaluated_network, self.step.choice.precision, between)

    def confusion(self) -> Tensor:
        """The test split's confusion matrix: int64 [classes, classes], how many images of the row's class the evaluated
        network takes for the column's. All of a team call it."""
        return self.evaluator.confusion(self.evaluated_network, self.step.choice.precision)

    def predictions(self, should_stop: Callable[[], bool] = lambda: False) -> Predictions:
        """What the network with the weights that the run is for takes the images of validation and test split for. All
        processes of a team call it. Raises EvaluationStopped once `should_stop` is true."""
        between = self.evaluator.stop_check(should_stop)
        with self._kept_network() as network:
            return self.evaluator.predictions(network, self.step.choice.precision, between)

    @contextmanager
    def _kept_network(self) -> Iterator[nn.Module]:
        """The network with the weights of `packed_weights`, while the context lasts."""
        network = self.evaluated_network
        if self.best_weights is None or not self._best_is_kept:
            yield network
            return
        last = {name: weight.clone() for name, weight in network.state_dict().items()}
        network.load_state_dict(self.best_weights)
        try:
            yield network
        finally:
            network.load_state_dict(last)

    def prepare_weights(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """To be called before `packed_weights` of a run that was stopped: an average of weights that was not evaluated
        yet has no normalisation statistics, which are measured here on at most STOPPED_IMAGES images. All processes of
        a team call it. It ends early once `should_stop` is true."""
        if self._best_is_kept:
            return  # they have been evaluated
        with suppress(EvaluationStopped):
            self.evaluator.measure_average(self.average, self.evaluator.stop_check(should_stop), STOPPED_IMAGES)

    def _learn_from(self, metrics: EpochMetrics) -> None:
        """What depends on an epoch's metrics: a plateau's learning rate, the best epoch, early stopping."""
        self.learning_rate.learn_from(metrics)
        chosen_on = metrics.test_accuracy if metrics.validation_accuracy is None else metrics.validation_accuracy
        best = chosen_on is not None and self.progress.note_accuracy(chosen_on, self.spec)
        if best and (metrics.validation_accuracy is not None or self.spec.regularisation.early_stopping):
            self.best_weights = _copied(self.evaluated_network)

    @property
    def evaluated_network(self) -> nn.Module:
        """The network that test figures are of: the average of the weights where the spec asks for one."""
        if self.average is None or not self.average.started:
            return self.network
        return self.average.network

    def packed_weights(self) -> bytes:
        """The weights that the run is for, as a file's content: of the best epoch where the spec stops early, else
        the evaluated network's. A team calls `prepare_weights` before."""
        if self.team.size == 1:
            self.prepare_weights()
        weights = self.best_weights if self._best_is_kept else None
        return pack_weights(weights or self.evaluated_network.state_dict(), self.spec, self.inputs)

    def packed_best_weights(self) -> bytes | None:
        """The weights of the epoch with the best validation accuracy, as a file's content; None without a validation
        split, and where `packed_weights` has these already."""
        is_last = self.progress.best_epoch == self.progress.epoch - 1 and self.progress.step == 0
        if self.best_weights is None or self._best_is_kept or is_last:
            return None
        return pack_weights(self.best_weights, self.spec, self.inputs)

    @property
    def _best_is_kept(self) -> bool:
        """Whether the run is for the weights of its best epoch."""
        return bool(self.best_weights and self.spec.regularisation.early_stopping)

    @property
    def inputs(self) -> Inputs:
        """What the network takes in, and what its outputs stand for."""
        return Inputs.of(self.dataset, self.batches.normalise)

    def save_weights(self, path: Path) -> None:
        """Write `packed_weights` to `path`, whole or not at all. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, self.packed_weights())

    @property
    def facts(self) -> RunFacts:
        """What the run has found out about its device, network and data."""
        return gather_facts(self.device, self.team, self.dataset, self.batches, self.plan, self.step, self.tuner)

    def state_dict(self) -> dict[str, Any]:
        """All that a run needs to go on from here: tensors and plain values. Not a copy.

        The same in every process of a team, and all must call it: each adds its own sums.
        """
        return {**self._shared_state(), "totals": self.totals.state()}

    def _shared_state(self) -> dict[str, Any]:
        """What is the same in all processes of a team."""
        return {
            "spec": self.spec.model_dump(mode="json"),
            "data": self._data,
            "inputs": asdict(self.inputs),
            "train_images": len(self.batches.rows),
            "progress": asdict(self.progress),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.step.scaler.state_dict(),
            "average": self.average and self.average.state_dict(),
            "plateau": self.learning_rate.state_dict(),
            "best_weights": self.best_weights,
            "choice": self.step.choice.model_dump(),
            "signals": self.step.signals.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` of a trainer of the same spec and data returned; of as many processes, each of
        which loads it. Raises CheckpointInvalid where it is not whole, AnotherRun where it is another's, and
        DatasetChanged where the data is no longer the same; and changes nothing then."""
        require_same_run(state, self._shared_state(), self.team, self.dataset)
        before = contents_of(state)
        if not self.dataset.is_ordered_like(before):
            del self.batches, self.evaluator  # an accelerator need not have room for the images twice
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._use_data(self.dataset.ordered_like(before))
        self.progress = Progress(**state["progress"])
        self.totals.load_state(state["totals"])
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.load_state_dict(state["average"])
            if isinstance(self.average, StochasticAverage):
                is_within = self.progress.step < len(self.batches)
                self.average.measured = is_within and is_evaluated(self.progress.epoch - 1, self.spec)
        self.learning_rate.load_state_dict(state["plateau"])
        self.best_weights = state["best_weights"]
        self.step.signals.load_state(state.get("signals"))
        self.tuner.resume_with(StepChoice.model_validate(state["choice"]))


def _copied(network: nn.Module) -> dict[str, Tensor]:
    """Its weights and statistics, on the host."""
    return {name: value.to("cpu", copy=True) for name, value in network.state_dict().items()}
