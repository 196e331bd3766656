"""Whose turn it is to decode a large image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep

from serving.pixel_shares import PixelShares

LARGE = 2**24


class Decoding:
    """Threads that decode, each until it is told to end. `order`: of which projects, as they came to it."""

    def __init__(self, pixels: int) -> None:
        self.shares, self.order = PixelShares(pixels), list[str]()
        self._ends = dict[str, Event]()
        self.threads = list[Thread]()

    def begin(self, name: str, pixels: int = LARGE) -> None:
        """`name`: the project, and a number."""
        self._ends[name] = Event()

        def decode() -> None:
            with self.shares.reserved(name[0], pixels):
                self.order.append(name)
                self._ends[name].wait(10)

        self.threads.append(Thread(target=decode))
        self.threads[-1].start()
        sleep(0.02)  # so that it waits before the next one comes

    def end(self, name: str) -> None:
        self._ends[name].set()

    def end_all(self) -> None:
        for end in self._ends.values():
            end.set()
        for thread in self.threads:
            thread.join()


@contextmanager
def decoding(pixels: int) -> Iterator[Decoding]:
    made = Decoding(pixels)
    try:
        yield made
    finally:
        made.end_all()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 5
    while not condition():
        assert monotonic() < deadline
        sleep(0.002)


def test_a_project_waits_for_what_runs_and_for_nothing_that_waits() -> None:
    with decoding(LARGE) as at_work:
        for name in ("a1", "a2", "a3", "b1", "b2"):
            at_work.begin(name)
        for number, expected in enumerate(("a1", "b1", "a2", "b2", "a3"), start=1):
            wait_for(lambda: len(at_work.order) == number)  # noqa: B023 - called at once
            assert at_work.order[-1] == expected
            at_work.end(expected)


def test_small_ones_wait_for_nobody_and_no_more_are_held_than_there_are() -> None:
    with decoding(2 * LARGE) as at_work:
        at_work.begin("a1")
        at_work.begin("b1", 2 * LARGE)
        at_work.begin("c1")  # would fit, and would keep the large one waiting
        at_work.begin("d1", 1000)
        wait_for(lambda: at_work.order == ["a1", "d1"])
        at_work.end("a1")
        wait_for(lambda: at_work.order == ["a1", "d1", "b1"])
        sleep(0.02)
        assert at_work.order[-1] == "b1"  # which holds all
        at_work.end("b1")
        wait_for(lambda: at_work.order[-1] == "c1")
