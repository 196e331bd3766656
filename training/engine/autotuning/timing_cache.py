"""What was measured of ways of computing a step, kept for later runs on the same kind of machine."""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import torch
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from training.engine.device.fingerprint import computer
from training.metrics import StepChoice, StepTiming
from training.spec import Architecture

_TIMINGS: TypeAdapter[tuple[StepTiming, ...]] = TypeAdapter(tuple[StepTiming, ...])


class TimingCache:
    """Timings of one network, for images of one shape, on what computes alike: by everything that the fingerprint
    names."""

    def __init__(
        self, cache_dir: Path | None, architecture: Architecture, shape: torch.Size, device: torch.device
    ) -> None:
        """In `cache_dir`; in memory alone without it."""
        self.timings: tuple[StepTiming, ...] = ()
        self._file: Path | None = None
        if cache_dir:
            asked = (architecture, shape, computer(device))
            self._file = cache_dir / "steps" / f"{sha256(repr(asked).encode()).hexdigest()[:32]}.json"
            self.timings = self._read()

    def rate(self, way: StepChoice) -> float | None:
        """Images a second, as far as measured; 0 where this machine cannot compute so."""
        return next((timing.images_per_second for timing in self.timings if timing.choice == way), None)

    def remember(self, found: Sequence[StepTiming]) -> None:
        """Who measured first is believed, so that runs at the same time agree. A cache that cannot be written is no
        reason to fail."""
        self.timings = (*self.timings, *found)
        if self._file is None or not found:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                known = self._read()
                others = {timing.choice for timing in known}
                self.timings = (*known, *(timing for timing in self.timings if timing.choice not in others))
                written = self._file.with_suffix(".new")
                written.write_bytes(_TIMINGS.dump_json(self.timings))
                written.replace(self._file)

    def _read(self) -> tuple[StepTiming, ...]:
        if self._file is not None:
            with suppress(OSError, ValidationError):
                return _TIMINGS.validate_json(self._file.read_bytes())
        return ()
