"""The thread that computes predictions gives way only where it shares one core with those that answer."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import get_native_id

import pytest

from serving.limits import cores
from serving.thread_priority import LOWER, yield_to_other_threads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="A thread has a priority of its own only on Linux.")


def priority_with(count: int) -> int:
    """Of a thread that may use so many, after it was asked to give way."""

    def ask() -> int:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])  # of this thread alone
        yield_to_other_threads()
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(ask).result()


def test_on_one_core_it_gives_way_to_the_others() -> None:
    before = os.getpriority(os.PRIO_PROCESS, get_native_id())
    assert priority_with(1) == LOWER
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == before


@pytest.mark.skipif(cores() < 2, reason="There is only one core.")
def test_with_more_it_keeps_its_share() -> None:
    assert priority_with(2) == os.getpriority(os.PRIO_PROCESS, get_native_id())
