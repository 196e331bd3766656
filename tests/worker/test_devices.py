"""Which devices a job gets."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.worker.attempts import until
from worker.devices import DevicePool

SOON = 10.0  # seconds that a test would wait at most


def test_what_is_taken_is_given_to_nobody_else_and_comes_back() -> None:
    every = ["cuda:0", "cuda:1", "cuda:2"]
    pool = DevicePool(every)
    with pool.acquire(2, [every], SOON) as two, pool.acquire(1, [every], SOON) as one:
        assert sorted(two + one) == every
    with pool.acquire(3, [every], SOON) as three:
        assert sorted(three) == every


def test_a_job_gets_devices_of_the_kind_that_it_fits_alone() -> None:
    pool = DevicePool(["cuda:0", "cuda:1", "cuda:2"])
    with pool.acquire(1, [["cuda:2"]], SOON) as ours:
        assert ours == ("cuda:2",)
        with pool.acquire(1, [["cuda:2"]], 0.0) as theirs:
            assert theirs == ()


def test_devices_that_work_together_are_of_one_group() -> None:
    pool = DevicePool(["cuda:0", "cuda:1", "cuda:2", "cuda:3"])
    groups = [["cuda:0", "cuda:1"], ["cuda:2", "cuda:3"]]
    with pool.acquire(1, groups, SOON) as one:
        assert one == ("cuda:0",)
        with pool.acquire(2, groups, SOON) as two:
            assert two == ("cuda:2", "cuda:3")


def test_who_waits_too_long_goes_away_with_nothing_and_lets_others_pass() -> None:
    pool = DevicePool(["cuda:0", "cuda:1"])
    with pool.acquire(1, [["cuda:0", "cuda:1"]], SOON):
        with pool.acquire(2, [["cuda:0", "cuda:1"]], 0.01) as both:
            assert both == ()
        with pool.acquire(1, [["cuda:0", "cuda:1"]], SOON) as one:
            assert len(one) == 1


def test_a_job_gets_different_devices_where_jobs_share_them() -> None:
    pool = DevicePool(["cuda:0", "cuda:1", "cuda:0", "cuda:1"])
    both = ["cuda:0", "cuda:1"]
    with pool.acquire(2, [both], SOON) as ours, pool.acquire(2, [both], SOON) as theirs:
        assert sorted(ours) == sorted(theirs) == ["cuda:0", "cuda:1"]


def test_a_job_that_needs_many_is_not_overtaken() -> None:
    pool = DevicePool(["cuda:0", "cuda:1"])
    order: list[str] = []
    waiting, release = threading.Event(), threading.Event()

    def acquire(count: int, name: str) -> None:
        with pool.acquire(count, [["cuda:0", "cuda:1"]], SOON):
            order.append(name)

    with ThreadPoolExecutor(3) as threads:

        def hold() -> None:
            with pool.acquire(1, [["cuda:0", "cuda:1"]], SOON):
                waiting.set()
                release.wait(60)

        threads.submit(hold)
        waiting.wait(60)
        many = threads.submit(acquire, 2, "many")
        until(lambda: pool.waiting == 1, "it does not stand in line")
        one = threads.submit(acquire, 1, "one")  # for which there would be a device
        until(lambda: pool.waiting == 2, "nor does the other")
        release.set()
        many.result(60)
        one.result(60)
    assert order == ["many", "one"]


def test_who_waits_when_the_pool_is_closed_gets_nothing() -> None:
    pool = DevicePool(["cpu"])
    with ThreadPoolExecutor(1) as threads:

        def wait() -> tuple[str, ...]:
            with pool.acquire(1, [["cpu"]], SOON) as devices:
                return devices

        with pool.acquire(1, [["cpu"]], SOON):
            waiter = threads.submit(wait)
            until(lambda: pool.waiting == 1, "it does not stand in line")
            pool.close()
            assert waiter.result(60) == ()
