"""Autotuning: which way of computing a step is the fastest here. It differs by machine and network, so it is measured.

Timing takes at most TUNING_SECONDS, and at most LARGEST_SHARE of the run: where whole batches would take longer,
choices are timed on a part of one. Compiling has no bound: its time is not known beforehand, and it cannot be
interrupted. It is tried only in runs that are so long that a usual compilation takes at most LARGEST_SHARE of them.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from training.engine.augmentation import Examples
from training.engine.autotuning.timing_cache import TimingCache
from training.engine.batches import Batches
from training.engine.conflicts import SpecConflict
from training.engine.device.precision import possible_precisions
from training.engine.device.processor import kind_of_processor
from training.engine.step import TrainingStep
from training.metrics import MemoryFormat, Mode, Precision, StepChoice, StepTiming
from training.spec import ResolvedSpec

logger = logging.getLogger(__name__)

PASSES = 4  # forward and backward, of each choice; the first warms up and is not counted
LARGEST_SHARE = 0.02  # of a run's time, that tuning may take
TUNING_SECONDS = 20.0  # that tuning may take, however long the run is; compiling comes on top
SMALLEST_PART = 32  # images; fewer would say little about a batch
USUAL_COMPILE_SECONDS = 60.0  # of one choice: an estimate, since the time is not known beforehand


def memory_format(precision: Precision, device: torch.device) -> MemoryFormat:
    """The format that is probably the faster one. A run that is not tuned computes in it.

    In bf16 with AMX, channels_last was faster for most networks, by up to 1.6 times, and slower for one, by up to 1.2
    times (benchmarks/results/memory_formats.json). With AMX switched off, it was 5 % faster on the same processor; but
    on a processor without AMX it took twice as long. So with AVX-512 alone, contiguous is the choice whose error costs
    less.
    """
    if device.type == "cpu" and precision == "bf16" and kind_of_processor() == "bf16":
        return "contiguous"
    return "channels_last"


def candidates(spec: ResolvedSpec, device: torch.device, *, whole_batches: bool = True) -> Sequence[StepChoice]:
    """Every choice that `spec` allows, the probably fastest first. `whole_batches`: each step is one forward pass.

    There is one alone where nothing may be measured: a deterministic run must not depend on timings, and the processes
    of a team would have to agree on them.
    """
    cuda = device.type == "cuda"
    # A CUDA graph does not capture the communication of a team, and each replay overwrites the gradients of the last.
    graphs = cuda and spec.devices == 1 and whole_batches
    uncompiled: tuple[Mode, ...] = ("graph", "eager") if graphs else ("eager",)
    modes: tuple[Mode, ...] = {"on": ("compile",), "off": uncompiled, "auto": (*uncompiled, "compile")}[spec.compile]
    found: list[StepChoice] = []
    for precision, mode in product(possible_precisions(spec.precision, device), modes):
        first = memory_format(precision, device)
        second: MemoryFormat = "contiguous" if first == "channels_last" else "channels_last"
        found += [StepChoice(mode=mode, memory_format=layout, precision=precision) for layout in (first, second)]
    return found[:1] if spec.deterministic or spec.devices > 1 else found


class StepTuner:
    """Sets how `step` computes, by what it measures, and keeps the timings in `cache_dir` for later runs."""

    def __init__(
        self,
        step: TrainingStep,
        batches: Batches,
        spec: ResolvedSpec,
        device: torch.device,
        cache_dir: Path | None,
    ) -> None:
        """Begins with the fastest known choice that needs no compiling, since that would delay the first step; with
        compiling where the spec asks for it. Raises SpecConflict where it does and this machine cannot compile."""
        self.seconds = 0.0  # spent on tuning
        self._step = step
        self._shape = batches.shape
        self._device = device
        self._candidates = candidates(spec, device, whole_batches=batches.whole)
        is_tuned = len(self._candidates) > 1
        kept_in = cache_dir if is_tuned else None
        self._cache = TimingCache(kept_in, spec.architecture, self._shape, device, spec.freeze)
        if self._uncompiled:
            self._begin()
        else:
            self.use(self._fastest(self._candidates))
            self._compile()

    @property
    def timings(self) -> tuple[StepTiming, ...]:
        """What the step was chosen from."""
        return self._cache.timings

    @property
    def _uncompiled(self) -> list[StepChoice]:
        return [choice for choice in self._candidates if choice.mode != "compile"]

    def _begin(self) -> None:
        """Use the fastest known choice that works here: capturing a CUDA graph may fail, or need too much memory."""
        first = self._fastest(self._uncompiled)
        order = [first, *(choice for choice in self._uncompiled if choice != first)]
        for choice in order:
            try:
                self.use(choice)
            except RuntimeError as error:
                logger.warning("%s cannot be used here: %s", choice.mode, str(error).splitlines()[0])
                self._candidates = [other for other in self._candidates if other != choice]
                if choice == order[-1]:
                    raise
            else:
                return

    def _compile(self) -> None:
        """Compile now, by one pass over zeros. Raises SpecConflict where this machine cannot compile."""
        images = torch.zeros(self._shape, device=self._device)
        labels = torch.zeros(len(images), dtype=torch.int64, device=self._device)
        with self._restored():
            try:
                self._step.forward_backward(Examples(images, labels), weight=1.0)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # no compiler, most likely
                reason = f"this machine cannot compile the step ({str(error).splitlines()[0]}): take auto or off"
                raise SpecConflict(("compile",), reason) from error

    def use(self, choice: StepChoice) -> None:
        """Compute as `choice` says from now on."""
        self._step.use(choice, self._shape)

    def resume_with(self, choice: StepChoice) -> None:
        """Use the `choice` of the run that is resumed, where it is a candidate here and works. Otherwise, go on with
        the present one."""
        if choice in self._candidates and choice != self._step.choice:
            try:
                self.use(choice)
            except RuntimeError as error:
                logger.warning("%s cannot be used here: %s", choice.mode, str(error).splitlines()[0])
                self._begin()

    def tune(
        self,
        parts: Callable[[], Iterator[Examples]],
        steps: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Time candidates on the first of `parts`, as far as a run of `steps` steps like the latest is long enough for
        it, and use the fastest. `should_stop` is called before each pass; once it is true, no more are timed.

        Returns whether the choice or the timings have changed. The network is left as it was.
        """
        if len(self._candidates) == 1:
            return False
        began, before = time.monotonic(), (self._step.choice, self.timings)
        uncompiled = self._uncompiled
        self._time_uncompiled(parts, uncompiled, steps, should_stop)
        usable = uncompiled or list(self._candidates)
        best = self._fastest(usable)
        compiled = [each for each in self._candidates if each.mode == "compile" and each.precision == best.precision]
        if uncompiled and compiled and self._is_worth_compiling(compiled, best, steps) and not should_stop():
            self._time(parts, compiled, self._shape[0], should_stop)
            usable = [*uncompiled, *compiled]
        best = self._fastest(usable)
        if best != self._step.choice:
            self.use(best)
        self.seconds += time.monotonic() - began
        return (self._step.choice, self.timings) != before

    def _time_uncompiled(
        self,
        parts: Callable[[], Iterator[Examples]],
        uncompiled: Sequence[StepChoice],
        steps: int,
        should_stop: Callable[[], bool],
    ) -> None:
        """Time them on whole batches where the time for tuning allows it, otherwise on as many images as it allows."""
        passes, batch = PASSES * len(self._untimed(uncompiled)), self._shape[0]
        if not passes:
            return
        images = batch if passes <= LARGEST_SHARE * steps else 0
        if self._device.type == "cpu":  # the host waits for each step there, so that it knows its time
            allowed = min(TUNING_SECONDS, LARGEST_SHARE * steps * self._step.seconds)
            images = round(min(1.0, allowed / (passes * max(self._step.seconds, 1e-6))) * batch)
        if images >= min(SMALLEST_PART, batch):
            self._time(parts, uncompiled, images, should_stop)

    def _is_worth_compiling(self, compiled: Sequence[StepChoice], best: StepChoice, steps: int) -> bool:
        """Compiling cannot be interrupted, and is for whole batches: the run must be long, and a batch short."""
        rate = self._cache.rate(best)
        if not rate:
            return False
        step_seconds, untimed = self._shape[0] / rate, len(self._untimed(compiled))
        cost = USUAL_COMPILE_SECONDS * max(1, untimed)
        return cost <= LARGEST_SHARE * steps * step_seconds and PASSES * untimed * step_seconds <= TUNING_SECONDS

    def _untimed(self, choices: Sequence[StepChoice]) -> list[StepChoice]:
        return [choice for choice in choices if self._cache.rate(choice) is None]

    def _fastest(self, choices: Sequence[StepChoice]) -> StepChoice:
        """By the timings that there are; the first of `choices` where there are none."""
        return max(choices, key=lambda choice: self._cache.rate(choice) or 0.0)

    def _time(
        self,
        parts: Callable[[], Iterator[Examples]],
        choices: Sequence[StepChoice],
        images: int,
        should_stop: Callable[[], bool],
    ) -> None:
        """Time those of `choices` that have no timing yet, on so many images, until TUNING_SECONDS are over: a choice
        that is slower than expected may leave no time for the next."""
        examples = _first(next(parts()), images)
        deadline = time.monotonic() + TUNING_SECONDS
        found: list[StepTiming] = []
        with self._restored():
            for choice in self._untimed(choices):
                if should_stop() or time.monotonic() >= deadline:
                    break
                seconds = self._seconds(examples, choice, should_stop)
                if seconds == 0.0:
                    break
                rate = 0.0 if seconds is None else len(examples.labels) / seconds
                found.append(StepTiming(choice=choice, images_per_second=rate, images=len(examples.labels)))
        self._cache.store(found)

    @contextmanager
    def _restored(self) -> Iterator[None]:
        """On leaving, the network has the normalisation statistics it had on entering, and no gradients."""
        buffers = [buffer.clone() for buffer in self._step.network.buffers()]
        try:
            yield
        finally:
            self._step.optimizer.zero_grad()
            for buffer, kept in zip(self._step.network.buffers(), buffers, strict=True):
                buffer.copy_(kept)

    def _seconds(self, examples: Examples, choice: StepChoice, should_stop: Callable[[], bool]) -> float | None:
        """Of one forward and backward pass, the fastest of several. 0 where it was stopped before one was timed, None
        where `choice` does not work here."""
        fastest = float("inf")
        deadline = time.monotonic() + TUNING_SECONDS
        try:
            self.use(choice)
            for number in range(PASSES):
                if (number and should_stop()) or (number > 1 and time.monotonic() >= deadline):
                    break
                seconds = self._pass_seconds(examples)
                if number:
                    fastest = min(fastest, seconds)
        except RuntimeError as error:  # no compiler, or not enough memory for it
            logger.warning("%s %s cannot be used here: %s", choice.mode, choice.precision, str(error).splitlines()[0])
            return None
        return fastest if fastest < float("inf") else 0.0

    def _pass_seconds(self, examples: Examples) -> float:
        began = time.perf_counter()
        self._step.forward_backward(examples, weight=1.0)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - began


def _first(examples: Examples, count: int) -> Examples:
    """The first `count` of them."""

    def cut(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[:count]

    return Examples(examples.images[:count], examples.labels[:count], cut(examples.other_labels), cut(examples.shares))
