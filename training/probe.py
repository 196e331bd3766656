"""Which way of computing a step is the fastest here: measured, because it differs by machine and network."""

import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import product
from pathlib import Path

import torch
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from training.augmentation import Examples
from training.batches import Batches
from training.conflicts import SpecConflict
from training.metrics import MemoryFormat, Mode, StepChoice, StepTiming
from training.precision import possible_precisions
from training.spec import ResolvedSpec
from training.step import TrainingStep

logger = logging.getLogger(__name__)

PASSES = 4  # forward and backward, of each way; the first warms up and is not counted
LARGEST_SHARE = 0.02  # of a run, that looking for a faster step may cost
COMPILE_SECONDS = 60.0  # what compiling one way may take, as far as anybody can tell before

_FORMATS: tuple[MemoryFormat, MemoryFormat] = ("channels_last", "contiguous")
_TIMINGS: TypeAdapter[tuple[StepTiming, ...]] = TypeAdapter(tuple[StepTiming, ...])


def ways(spec: ResolvedSpec, device: torch.device, *, whole_batches: bool = True) -> Sequence[StepChoice]:
    """Every way that may be taken for `spec`, the likely fastest first. `whole_batches`: each step is one forward pass.

    On CPUs, channels_last suits fp32, and contiguous bf16: eager bf16 in channels_last was measured at half the
    speed.
    """
    cuda = device.type == "cuda"
    # Graphs do not hold what a team says to each other, and write each pass's gradients over those of the one before.
    graphs = cuda and spec.devices == 1 and whole_batches
    uncompiled: tuple[Mode, ...] = ("graph", "eager") if graphs else ("eager",)
    modes: tuple[Mode, ...] = {"on": ("compile",), "off": uncompiled, "auto": (*uncompiled, "compile")}[spec.compile]
    found: list[StepChoice] = []
    for precision, mode in product(possible_precisions(spec.precision, device), modes):
        first, second = _FORMATS if cuda or precision == "fp32" else _FORMATS[::-1]
        found += [StepChoice(mode=mode, memory_format=layout, precision=precision) for layout in (first, second)]
    # A run that must repeat measures nothing; nor does a team, whose processes would have to agree.
    return found[:1] if spec.deterministic or spec.devices > 1 else found


class Probe:
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
        self.timings: tuple[StepTiming, ...] = ()
        self._step = step
        self._shape = batches.shape
        self._device = device
        self._ways = ways(spec, device, whole_batches=batches.whole)
        self._file: Path | None = None
        if cache_dir and len(self._ways) > 1:
            machine = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
            asked = (spec.architecture, self._shape, machine, torch.__version__)
            self._file = cache_dir / "steps" / f"{sha256(repr(asked).encode()).hexdigest()[:32]}.json"
            self.timings = self._remembered()
        if self._quick:
            self._begin()
        else:
            self.take(self._fastest(self._ways))
            self._compile()

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

    def improve(self, parts: Callable[[], Iterator[Examples]], steps: int) -> bool:
        """Try what is worth trying in a run of `steps` steps on the first of `parts`, and take the fastest.

        Whether that has found out anything new. The network is left as it was.
        """
        if len(self._ways) == 1:
            return False
        before = self._step.choice, self.timings
        allowance = LARGEST_SHARE * steps
        quick = self._quick
        if quick and PASSES * len(self._untried(quick)) <= allowance:
            self._try(parts, quick)
        worth = quick or list(self._ways)
        best = self._fastest(worth)
        if rate := self._rate(best):
            compiled = [way for way in self._ways if way.mode == "compile" and way.precision == best.precision]
            cost = COMPILE_SECONDS * max(1, len(self._untried(compiled)))
            if compiled and quick and cost <= allowance * self._shape[0] / rate:
                self._try(parts, compiled)
                worth = [*quick, *compiled]
        best = self._fastest(worth)
        if best != self._step.choice:
            self.take(best)
        return (self._step.choice, self.timings) != before

    def _rate(self, way: StepChoice) -> float | None:
        """Images a second, as far as measured; 0 where this machine cannot compute so."""
        return next((timing.images_per_second for timing in self.timings if timing.choice == way), None)

    def _untried(self, ways: Sequence[StepChoice]) -> list[StepChoice]:
        return [way for way in ways if self._rate(way) is None]

    def _fastest(self, ways: Sequence[StepChoice]) -> StepChoice:
        """Of `ways`, that which was measured to be; the first where none was measured."""
        return max(ways, key=lambda way: self._rate(way) or 0.0)

    def _try(self, parts: Callable[[], Iterator[Examples]], ways: Sequence[StepChoice]) -> None:
        """Those of `ways` of which nothing is known."""
        untried = self._untried(ways)
        if not untried:
            return
        examples = next(parts())
        with self._untouched():
            for way in untried:
                seconds = self._seconds(examples, way)
                rate = 0.0 if seconds is None else len(examples.labels) / seconds
                self.timings = (*self.timings, StepTiming(choice=way, images_per_second=rate))
        self._remember()

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

    def _seconds(self, examples: Examples, way: StepChoice) -> float | None:
        """Of one forward and backward pass, the fastest of several; None where this machine cannot compute so."""
        fastest = float("inf")
        try:
            self.take(way)
            for number in range(PASSES):
                began = time.perf_counter()
                self._step.forward_backward(examples, weight=1.0)
                if self._device.type == "cuda":
                    torch.cuda.synchronize(self._device)
                if number:
                    fastest = min(fastest, time.perf_counter() - began)
        except RuntimeError as error:  # no compiler, or not enough memory for it
            logger.warning("%s %s cannot be used here: %s", way.mode, way.precision, str(error).splitlines()[0])
            return None
        return fastest

    def _remembered(self) -> tuple[StepTiming, ...]:
        if self._file is not None:
            with suppress(OSError, ValidationError):
                return _TIMINGS.validate_json(self._file.read_bytes())
        return ()

    def _remember(self) -> None:
        """Who measured first is believed, so that runs at the same time agree. A cache that cannot be written is no
        reason to fail."""
        if self._file is None:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                known = self._remembered()
                others = {timing.choice for timing in known}
                self.timings = (*known, *(timing for timing in self.timings if timing.choice not in others))
                written = self._file.with_suffix(".new")
                written.write_bytes(_TIMINGS.dump_json(self.timings))
                written.replace(self._file)


def _processor() -> str:
    """What the speed of a CPU depends on, besides the rest of its machine."""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"
