"""How far a validation is: what is said of it, and whether it takes too long."""

import time
from collections.abc import Callable

from worker.validation.limits import validation_seconds
from worker.validation.messages import Progress, ValidationOrder

COUNTS_IMAGES = ("unpacking", "decoding", "comparing")


class TookTooLong(Exception):
    """The validation has had as much time as its images and bytes give it."""


class Course:
    """Passes on what is said of a validation, as long as that has time."""

    def __init__(self, order: ValidationOrder, say: Callable[[Progress], None]) -> None:
        self._say, self._began_at = say, time.monotonic()
        self._bytes, self.images = sum(part.size_bytes for part in order.upload), 0
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Say it. Raises TookTooLong."""
        if progress.stage == "receiving":
            self._bytes = max(self._bytes, progress.done)
        elif progress.stage in COUNTS_IMAGES:
            self.images = max(self.images, progress.done, progress.total or 0)
        if time.monotonic() - self._began_at > validation_seconds(self.images, self._bytes):
            raise TookTooLong
        self._last = progress
        self._say(progress)

    def wait(self, seconds: float) -> None:
        """For something that will come: it is no time of the validation, and others hear that it goes on."""
        time.sleep(seconds)
        self._began_at += seconds
        if self._last is not None:
            self._say(self._last)

    def comparing(self, share: float) -> None:
        """Such a share of the images is compared with each other. Raises TookTooLong."""
        self(Progress(stage="comparing", done=int(share * self.images), total=self.images))
