"""What a predictor has done, for whoever watches it."""

from bisect import bisect_left
from dataclasses import dataclass, field

LATENCY_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds, upper bounds
BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # images


@dataclass(slots=True)
class Histogram:
    """Counts by bucket, the last one without a bound; and the sum."""

    bounds: tuple[float, ...]
    total: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> "Histogram":
        """As it is now."""
        same = Histogram(self.bounds, self.total)
        same.counts = list(self.counts)
        return same


@dataclass(slots=True)
class Measures:
    """Since the predictor began; `waiting_images`, `sessions` and `session_bytes` are of now."""

    requests: dict[str, int] = field(default_factory=lambda: {"answered": 0, "failed": 0, "busy": 0})
    images: dict[str, int] = field(default_factory=lambda: {"predicted": 0, "refused": 0})
    seconds: Histogram = field(default_factory=lambda: Histogram(LATENCY_BUCKETS))  # of a request
    batches: Histogram = field(default_factory=lambda: Histogram(BATCH_BUCKETS))  # by their images
    loads: int = 0
    evictions: int = 0
    waiting_images: int = 0
    sessions: int = 0
    session_bytes: int = 0

    def copy(self) -> "Measures":
        """As they are now."""
        return Measures(
            dict(self.requests),
            dict(self.images),
            self.seconds.copy(),
            self.batches.copy(),
            self.loads,
            self.evictions,
            self.waiting_images,
            self.sessions,
            self.session_bytes,
        )
