"""Timings of a step, kept on disk for later runs on the same kind of machine."""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import torch
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from training.engine.device.fingerprint import computer
from training.metrics import StepChoice, StepTiming
from training.spec import Architecture, Freeze

_TIMINGS: TypeAdapter[tuple[StepTiming, ...]] = TypeAdapter(tuple[StepTiming, ...])


class TimingCache:
    """Timings of one network, for batches of one shape, on one kind of machine: two are of one kind where
    `fingerprint.computer` says the same of both."""

    def __init__(
        self,
        cache_dir: Path | None,
        architecture: Architecture,
        shape: torch.Size,
        device: torch.device,
        freeze: Freeze = "none",
    ) -> None:
        """Kept in `cache_dir`, or only in memory where that is None. `freeze`: a network has less to compute where a
        part of it is frozen."""
        self.timings: tuple[StepTiming, ...] = ()
        self._file: Path | None = None
        if cache_dir:
            asked = (architecture, shape, computer(device), *(() if freeze == "none" else (freeze,)))
            self._file = cache_dir / "steps" / f"{sha256(repr(asked).encode()).hexdigest()[:32]}.json"
            self.timings = self._read()

    def rate(self, choice: StepChoice) -> float | None:
        """Images a second; None where it was not measured, 0 where it does not work on this machine."""
        return next((timing.images_per_second for timing in self.timings if timing.choice == choice), None)

    def store(self, found: Sequence[StepTiming]) -> None:
        """Add timings. Where another run has stored one for the same choice, that one stays, so that runs at the same
        time choose alike. A cache that cannot be written is no error."""
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
