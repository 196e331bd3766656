"""A program whose clock is an hour off: `python -m tests.acceptance.clock_off worker` for `python -m worker`."""

import datetime
import runpy
import sys
import time

HOUR = 3600.0


class LateDatetime(datetime.datetime):
    """What the program takes for the time."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "LateDatetime":
        return super().now(tz) + datetime.timedelta(seconds=HOUR)

    @classmethod
    def utcnow(cls) -> "LateDatetime":
        return cls.now(datetime.UTC).replace(tzinfo=None)


def main() -> None:
    """Put the clock forward, then be the module that the argument names."""
    real = time.time
    time.time = lambda: real() + HOUR
    time.time_ns = lambda: int(time.time() * 1e9)
    datetime.datetime = LateDatetime  # type: ignore[misc]  # a class is replaced, on purpose
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
