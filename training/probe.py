"""Which way of computing a step is the fastest here: measured, because it differs by machine and network."""

import logging
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
from training.conflicts import SpecConflict
from training.metrics import MemoryFormat, Mode, StepChoice, StepTiming
from training.precision import possible_precisions
from training.spec import TrainingSpec
from training.step import TrainingStep

logger = logging.getLogger(__name__)

PASSES = 4  # forward and backward, of each way; the first warms up and is not counted
LARGEST_SHARE = 0.02  # of a run's steps, that trying may cost
COMPILE_PASSES = 200  # what compiling counts as, in passes; at that it takes under a minute for all but slow steps

_FORMATS: tuple[MemoryFormat, MemoryFormat] = ("channels_last", "contiguous")
_TIMINGS: TypeAdapter[tuple[StepTiming, ...]] = TypeAdapter(tuple[StepTiming, ...])


def ways(spec: TrainingSpec, device: torch.device) -> Sequence[StepChoice]:
    """Every way that may be taken for `spec`, the likely fastest first.

    On CPUs, channels_last suits fp32, and contiguous bf16: eager bf16 in channels_last was measured at half the
    speed.
    """
    cuda = device.type == "cuda"
    # Graphs do not hold what a team says to each other.
    uncompiled: tuple[Mode, ...] = ("graph", "eager") if cuda and spec.devices == 1 else ("eager",)
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
        shape: torch.Size,
        spec: TrainingSpec,
        device: torch.device,
        cache_dir: Path | None,
    ) -> None:
        """Begins with the fastest known way that does not compile, which would delay the first step, unless the spec
        asks for it. Images come in `shape`. Raises SpecConflict where the spec insists on compiling and this machine
        cannot."""
        self.timings: tuple[StepTiming, ...] = ()
        self._step = step
        self._shape = shape
        self._device = device
        self._ways = ways(spec, device)
        self._quick = [way for way in self._ways if way.mode != "compile"]
        self._file: Path | None = None
        if cache_dir and len(self._ways) > 1:
            machine = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.get_num_threads()
            asked = (spec.architecture, shape, spec.optimizer.sam, machine, torch.__version__, self._ways)
            self._file = cache_dir / "steps" / f"{sha256(repr(asked).encode()).hexdigest()[:32]}.json"
            with suppress(OSError, ValidationError):
                self.timings = _TIMINGS.validate_json(self._file.read_bytes())
        self.take(self._fastest(self._quick or self._ways))
        if not self._quick:
            self._compile(shape)

    def _compile(self, shape: torch.Size) -> None:
        """Wait for the code that the spec insists on. Raises SpecConflict where this machine cannot make it."""
        images = torch.zeros(shape, device=self._device)
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

    def improve(self, parts: Callable[[], Iterator[Examples]], steps: int) -> bool:
        """Try what is worth trying in a run of `steps` steps on the first of `parts`, and take the fastest.

        Whether something was found out. The network is left as it was.
        """
        before = self._step.choice
        worth = self._worth(steps)
        if not self.timings and len(worth) > 1:
            self._try(next(parts()), worth)
        best = self._fastest(worth or [before])
        if best != self._step.choice:
            self.take(best)
        return best != before or bool(worth)

    def _fastest(self, ways: Sequence[StepChoice]) -> StepChoice:
        """Of `ways`, that which was measured to be; the first where none was measured."""
        measured = [timing for timing in self.timings if timing.choice in ways]
        return max(measured, key=lambda timing: timing.images_per_second).choice if measured else ways[0]

    def _worth(self, steps: int) -> list[StepChoice]:
        """The ways whose trial costs no more than its share of the run."""
        allowance = LARGEST_SHARE * steps
        compiled = len(self._ways) - len(self._quick)
        if PASSES * len(self._ways) + COMPILE_PASSES * compiled <= allowance:
            return list(self._ways)
        return self._quick if PASSES * len(self._quick) <= allowance else []

    def _try(self, examples: Examples, tried: Sequence[StepChoice]) -> None:
        timings = []
        with self._untouched():
            for way in tried:
                seconds = self._seconds(examples, way)
                if seconds is not None:
                    timings.append(StepTiming(choice=way, images_per_second=len(examples.labels) / seconds))
        self.timings = tuple(timings)
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
        """Of one forward and backward pass, the fastest of some; None where this machine cannot compute so."""
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

    def _remember(self) -> None:
        """Who measured first is believed, so that runs at the same time agree. A cache that cannot be written is no
        reason to fail."""
        if self._file is None:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                if self._file.exists():
                    with suppress(ValidationError):
                        self.timings = _TIMINGS.validate_json(self._file.read_bytes())
                        return
                written = self._file.with_suffix(".new")
                written.write_bytes(_TIMINGS.dump_json(self.timings))
                written.replace(self._file)
