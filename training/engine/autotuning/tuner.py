"""Which way of computing a step is the fastest here: measured, because it differs by machine and network.

Looking is bounded in seconds, whatever a step takes: where whole batches would take longer, ways are timed on a part of
one. Of compiling, nobody can say before how long it takes, and nothing can break it off: it is left to runs in which it
cannot matter.
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

PASSES = 4  # forward and backward, of each way; the first warms up and is not counted
LARGEST_SHARE = 0.02  # of a run, that looking for a faster step may cost
LOOKING_SECONDS = 20.0  # that it may cost, however long the run is; without compiling
SMALLEST_PART = 32  # images; fewer would say little about a batch
USUAL_COMPILE_SECONDS = 60.0  # what compiling one way may take, as far as anybody can tell before


def memory_format(precision: Precision, device: torch.device) -> MemoryFormat:
    """The format that is likely the faster: what a run computes in that never looks for a faster one.

    In bf16 with AMX, channels_last was the faster for most networks, by up to 1.6 times, and slower by up to 1.2 for
    one (benchmarks/results/memory_formats.json). Where AMX was forbidden, it was a twentieth faster (there, too); but
    a processor that has no AMX took twice as long in it. So with AVX-512 alone to be wrong in contiguous costs less.
    """
    if device.type == "cpu" and precision == "bf16" and kind_of_processor() == "bf16":
        return "contiguous"
    return "channels_last"


def ways(spec: ResolvedSpec, device: torch.device, *, whole_batches: bool = True) -> Sequence[StepChoice]:
    """Every way that may be taken for `spec`, the likely fastest first. `whole_batches`: each step is one forward
    pass."""
    cuda = device.type == "cuda"
    # Graphs do not hold what a team says to each other, and write each pass's gradients over those of the one before.
    graphs = cuda and spec.devices == 1 and whole_batches
    uncompiled: tuple[Mode, ...] = ("graph", "eager") if graphs else ("eager",)
    modes: tuple[Mode, ...] = {"on": ("compile",), "off": uncompiled, "auto": (*uncompiled, "compile")}[spec.compile]
    found: list[StepChoice] = []
    for precision, mode in product(possible_precisions(spec.precision, device), modes):
        first = memory_format(precision, device)
        second: MemoryFormat = "contiguous" if first == "channels_last" else "channels_last"
        found += [StepChoice(mode=mode, memory_format=layout, precision=precision) for layout in (first, second)]
    # A run that must repeat measures nothing; nor does a team, whose processes would have to agree.
    return found[:1] if spec.deterministic or spec.devices > 1 else found


class StepTuner:
    """Decides in which way `step` computes, and remembers what it measured, in `cache_dir` for later runs."""

    def __init__(
        self,
        step: TrainingStep,
        batches: Batches,
        spec: ResolvedSpec,
        device: torch.device,
        cache_dir: Path | None,
    ) -> None:
        """Begins with the fastest known way that does not compile, which would delay the first step, unless the spec
        asks for it. Raises SpecConflict where the spec insists on compiling and this machine cannot."""
        self.seconds = 0.0  # spent on looking
        self._step = step
        self._shape = batches.shape
        self._device = device
        self._ways = ways(spec, device, whole_batches=batches.whole)
        self._memory = TimingCache(cache_dir if len(self._ways) > 1 else None, spec.architecture, self._shape, device)
        if self._quick:
            self._begin()
        else:
            self.take(self._fastest(self._ways))
            self._compile()

    @property
    def timings(self) -> tuple[StepTiming, ...]:
        """What the step was chosen from."""
        return self._memory.timings

    @property
    def _quick(self) -> list[StepChoice]:
        """The ways that need no compiling."""
        return [way for way in self._ways if way.mode != "compile"]

    def _begin(self) -> None:
        """In the fastest known way that this machine can go: a graph may not be captured, or need too much memory."""
        first = self._fastest(self._quick)
        order = [first, *(way for way in self._quick if way != first)]
        for way in order:
            try:
                self.take(way)
            except RuntimeError as error:
                logger.warning("%s cannot be used here: %s", way.mode, str(error).splitlines()[0])
                self._ways = [other for other in self._ways if other != way]
                if way == order[-1]:
                    raise
            else:
                return

    def _compile(self) -> None:
        """Wait for the code that the spec insists on. Raises SpecConflict where this machine cannot make it."""
        images = torch.zeros(self._shape, device=self._device)
        labels = torch.zeros(len(images), dtype=torch.int64, device=self._device)
        with self._untouched():
            try:
                self._step.forward_backward(Examples(images, labels), weight=1.0)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # no compiler, most likely
                reason = f"this machine cannot compile the step ({str(error).splitlines()[0]}): take auto or off"
                raise SpecConflict(("compile",), reason) from error

    def take(self, way: StepChoice) -> None:
        """Compute in this way from now on."""
        self._step.use(way, self._shape)

    def go_on(self, way: StepChoice) -> None:
        """Compute as a run did that goes on here, where this machine and the spec let it; else stay as it is."""
        if way in self._ways and way != self._step.choice:
            try:
                self.take(way)
            except RuntimeError as error:
                logger.warning("%s cannot be used here: %s", way.mode, str(error).splitlines()[0])
                self._begin()

    def improve(
        self,
        parts: Callable[[], Iterator[Examples]],
        steps: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Try what is worth trying in a run of `steps` steps like the latest on the first of `parts`, and take the
        fastest. Leaves it at what is known once `should_stop`, which is asked before each pass, says so.

        Whether that has found out anything new. The network is left as it was.
        """
        if len(self._ways) == 1:
            return False
        began, before = time.monotonic(), (self._step.choice, self.timings)
        quick = self._quick
        self._try_uncompiled(parts, quick, steps, should_stop)
        worth = quick or list(self._ways)
        best = self._fastest(worth)
        compiled = [way for way in self._ways if way.mode == "compile" and way.precision == best.precision]
        if quick and compiled and self._is_worth_compiling(compiled, best, steps) and not should_stop():
            self._try(parts, compiled, self._shape[0], should_stop)
            worth = [*quick, *compiled]
        best = self._fastest(worth)
        if best != self._step.choice:
            self.take(best)
        self.seconds += time.monotonic() - began
        return (self._step.choice, self.timings) != before

    def _try_uncompiled(
        self,
        parts: Callable[[], Iterator[Examples]],
        quick: Sequence[StepChoice],
        steps: int,
        should_stop: Callable[[], bool],
    ) -> None:
        """On as many images as the time for it allows: whole batches where they are over soon enough."""
        passes, batch = PASSES * len(self._untried(quick)), self._shape[0]
        if not passes:
            return
        images = batch if passes <= LARGEST_SHARE * steps else 0
        if self._device.type == "cpu":  # where the host knows what a step takes
            allowed = min(LOOKING_SECONDS, LARGEST_SHARE * steps * self._step.seconds)
            images = round(min(1.0, allowed / (passes * max(self._step.seconds, 1e-6))) * batch)
        if images >= min(SMALLEST_PART, batch):
            self._try(parts, quick, images, should_stop)

    def _is_worth_compiling(self, compiled: Sequence[StepChoice], best: StepChoice, steps: int) -> bool:
        """It cannot be broken off, and is made for whole batches: the run must be long, and a batch short."""
        rate = self._memory.rate(best)
        if not rate:
            return False
        step_seconds, untried = self._shape[0] / rate, len(self._untried(compiled))
        cost = USUAL_COMPILE_SECONDS * max(1, untried)
        return cost <= LARGEST_SHARE * steps * step_seconds and PASSES * untried * step_seconds <= LOOKING_SECONDS

    def _untried(self, ways: Sequence[StepChoice]) -> list[StepChoice]:
        return [way for way in ways if self._memory.rate(way) is None]

    def _fastest(self, ways: Sequence[StepChoice]) -> StepChoice:
        """Of `ways`, that which was measured to be; the first where none was measured."""
        return max(ways, key=lambda way: self._memory.rate(way) or 0.0)

    def _try(
        self,
        parts: Callable[[], Iterator[Examples]],
        ways: Sequence[StepChoice],
        images: int,
        should_stop: Callable[[], bool],
    ) -> None:
        """Those of `ways` of which nothing is known, on so many images, as long as there is time: a way that is slow
        beyond expectation leaves none to those behind it."""
        examples = _first(next(parts()), images)
        deadline = time.monotonic() + LOOKING_SECONDS
        found: list[StepTiming] = []
        with self._untouched():
            for way in self._untried(ways):
                if should_stop() or time.monotonic() >= deadline:
                    break
                seconds = self._seconds(examples, way, should_stop)
                if seconds == 0.0:
                    break
                rate = 0.0 if seconds is None else len(examples.labels) / seconds
                found.append(StepTiming(choice=way, images_per_second=rate, images=len(examples.labels)))
        self._memory.remember(found)

    @contextmanager
    def _untouched(self) -> Iterator[None]:
        """On leaving, the network's statistics are what they were, and there are no gradients."""
        buffers = [buffer.clone() for buffer in self._step.network.buffers()]
        try:
            yield
        finally:
            self._step.optimizer.zero_grad()
            for buffer, kept in zip(self._step.network.buffers(), buffers, strict=True):
                buffer.copy_(kept)

    def _seconds(self, examples: Examples, way: StepChoice, should_stop: Callable[[], bool]) -> float | None:
        """Of one forward and backward pass, the fastest of several; 0 where it was told to stop before, and None where
        this machine cannot compute so."""
        fastest = float("inf")
        deadline = time.monotonic() + LOOKING_SECONDS
        try:
            self.take(way)
            for number in range(PASSES):
                if (number and should_stop()) or (number > 1 and time.monotonic() >= deadline):
                    break
                seconds = self._pass_seconds(examples)
                if number:
                    fastest = min(fastest, seconds)
        except RuntimeError as error:  # no compiler, or not enough memory for it
            logger.warning("%s %s cannot be used here: %s", way.mode, way.precision, str(error).splitlines()[0])
            return None
        return fastest if fastest < float("inf") else 0.0

    def _pass_seconds(self, examples: Examples) -> float:
        began = time.perf_counter()
        self._step.forward_backward(examples, weight=1.0)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - began


def _first(examples: Examples, count: int) -> Examples:
    """So many of them."""

    def cut(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[:count]

    return Examples(examples.images[:count], examples.labels[:count], cut(examples.other_labels), cut(examples.shares))
