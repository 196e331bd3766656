"""Which devices a job gets."""

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.devices import DevicePool


def test_what_is_taken_is_given_to_nobody_else_and_comes_back() -> None:
    pool = DevicePool(["cuda:0", "cuda:1", "cuda:2"])
    with pool.take(2) as two, pool.take(1) as one:
        assert sorted(two + one) == ["cuda:0", "cuda:1", "cuda:2"]
    with pool.take(3) as three:
        assert sorted(three) == ["cuda:0", "cuda:1", "cuda:2"]


def test_a_job_gets_different_devices_where_jobs_share_them() -> None:
    pool = DevicePool(["cuda:0", "cuda:1", "cuda:0", "cuda:1"])
    with pool.take(2) as ours, pool.take(2) as theirs:
        assert sorted(ours) == sorted(theirs) == ["cuda:0", "cuda:1"]


def test_a_job_that_needs_many_is_not_overtaken() -> None:
    pool = DevicePool(["cuda:0", "cuda:1"])
    order: list[str] = []
    waiting, release = threading.Event(), threading.Event()

    def take(count: int, name: str) -> None:
        with pool.take(count):
            order.append(name)

    with ThreadPoolExecutor(3) as threads:

        def hold() -> None:
            with pool.take(1):
                waiting.set()
                release.wait(10)

        threads.submit(hold)
        waiting.wait(10)
        many = threads.submit(take, 2, "many")
        while not pool.waiting:  # until it stands in line
            pass
        one = threads.submit(take, 1, "one")  # for which there would be a device
        while pool.waiting < 2:
            pass
        release.set()
        many.result(10)
        one.result(10)
    assert order == ["many", "one"]


def test_who_waits_when_the_pool_is_closed_gets_nothing() -> None:
    pool = DevicePool(["cpu"])
    with ThreadPoolExecutor(1) as threads:

        def wait() -> tuple[str, ...]:
            with pool.take(1) as devices:
                return devices

        with pool.take(1):
            waiter = threads.submit(wait)
            while not pool.waiting:
                pass
            pool.close()
            assert waiter.result(10) == ()
