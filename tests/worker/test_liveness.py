"""What a trainer process says of itself while it makes no step."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.attempts import until
from training.engine.data.file_locks import exclusive_file_lock
from training.grace_periods import grace_period, in_grace_period
from worker import liveness
from worker.liveness import reporting_liveness
from worker.messages import Alive, Command, Report

LOOKS = 5


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(liveness, "CPU_SHARE", 1e9)  # what the tests' other threads compute does not count


class Watched:
    """Looks at what is said over the next looks."""

    def __init__(self, word: Command | None = None) -> None:
        self.word, self.said, self.left = word, list[Report](), threading.Event()
        self._looked = threading.Semaphore(0)

    def told(self) -> Command | None:
        self._looked.release()
        return self.word

    def signs(self) -> int:
        """How many over LOOKS whole looks."""
        self._looked.acquire()
        before = len(self.said)
        for _ in range(LOOKS):
            assert self._looked.acquire(timeout=60)
        assert all(isinstance(report, Alive) for report in self.said)
        return len(self.said) - before


@pytest.fixture
def watch() -> Iterator[Callable[..., tuple[Watched, threading.Event]]]:
    opened = []

    def begin(
        word: Command | None = None, *, finishes: bool = True, alone: bool = True
    ) -> tuple[Watched, threading.Event]:
        watched = Watched(word)
        context = reporting_liveness(
            watched.told, watched.said.append, finishes=finishes, alone=alone, leave=watched.left.set
        )
        opened.append(context)
        return watched, context.__enter__()

    yield begin
    for context in opened:
        context.__exit__(None, None, None)


Watch = Callable[..., tuple[Watched, threading.Event]]


def test_who_does_nothing_says_nothing(watch: Watch) -> None:
    watched, loaded = watch()
    assert watched.signs() == 0
    loaded.set()
    assert watched.signs() == 0


def test_data_that_is_read_slowly_is_no_hang_and_afterwards_steps_speak(watch: Watch, tmp_path: Path) -> None:
    watched, loaded = watch()
    over = threading.Event()

    def reads() -> None:
        with (tmp_path / "image").open("wb+", buffering=0) as file:
            while not over.wait(0.001):
                os.pwrite(file.fileno(), bytes(8192), 0)

    reader = threading.Thread(target=reads)
    reader.start()
    try:
        assert watched.signs() > 0
        loaded.set()
        watched.signs()
        assert watched.signs() == 0
    finally:
        over.set()
        reader.join()


def test_data_that_is_decoded_is_no_hang(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "CPU_SHARE", 0.0)
    watched, _ = watch()
    over = threading.Event()

    def decodes() -> None:
        while not over.is_set():
            sum(range(1000))

    decoder = threading.Thread(target=decodes)
    decoder.start()
    try:
        assert watched.signs() > 0
    finally:
        over.set()
        decoder.join()


@pytest.mark.parametrize("word", [Command.SAVE, Command.QUIT])
def test_a_run_that_is_told_to_end_while_it_loads_leaves_at_once(watch: Watch, word: Command) -> None:
    watched, _ = watch(word)
    assert watched.left.wait(60)


def test_one_of_a_team_falls_silent_instead_since_the_others_may_wait_for_it(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "CPU_SHARE", -1e9)  # whatever is done is work
    watched, _ = watch(alone=False)
    assert watched.signs() > 0
    watched.word = Command.SAVE
    watched.signs()
    assert watched.signs() == 0
    assert not watched.left.is_set()


def test_weights_are_still_to_be_made_where_there_is_a_checkpoint(watch: Watch) -> None:
    watched, _ = watch(Command.FINISH)
    watched.signs()
    assert not watched.left.is_set()
    nothing, _ = watch(Command.FINISH, finishes=False)
    assert nothing.left.wait(60)


def test_what_has_been_announced_is_no_hang_up_to_its_bound(watch: Watch) -> None:
    watched, loaded = watch()
    loaded.set()
    with grace_period(60):
        assert watched.signs() > 0
    with grace_period(0):
        watched.signs()
        assert watched.signs() == 0


def test_a_run_that_is_told_to_end_waits_for_nothing_but_its_files(watch: Watch) -> None:
    watched, loaded = watch(Command.FINISH)
    loaded.set()
    with grace_period(60):
        assert watched.signs() == 0
    with grace_period(60, urgent=True):
        assert watched.signs() > 0


def test_to_wait_for_another_process_s_lock_is_no_hang(tmp_path: Path) -> None:
    def waits() -> None:
        with exclusive_file_lock(tmp_path / "lock"):
            assert not in_grace_period()
            entered.set()

    entered, waiter = threading.Event(), threading.Thread(target=waits)
    with exclusive_file_lock(tmp_path / "lock"):
        assert not in_grace_period(), "to hold it is work like any other"
        waiter.start()
        until(in_grace_period, "it does not wait for the lock")
        assert not entered.is_set()
    assert entered.wait(60)
    waiter.join()
