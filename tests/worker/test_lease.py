"""When an attempt outlives an outage, and when it gives up: arithmetic, on a clock of the test's own."""

import pytest

from worker.lease import GIVE_UP_AFTER, Lease
from worker.recorder import POLL_SECONDS, RETRY_SECONDS


def outlives(lease_seconds: float, begins: float, ends: float) -> bool:
    """Whether an attempt still has its lease some time after an outage of the database. It looks at its lease every
    LOOK_SECONDS, and tries again AGAIN_SECONDS after what failed."""
    lease, now = Lease(lease_seconds, 0.0), 0.0
    while now < ends + lease_seconds:
        if lease.is_lost(now):
            return False
        is_out = begins <= now < ends
        if lease.is_due(now):
            if is_out:
                now += RETRY_SECONDS
                continue
            lease.renewed(now)
        now += POLL_SECONDS
    return True


@pytest.mark.parametrize("lease_seconds", [10.0, 30.0, 300.0])
def test_an_outage_shorter_than_half_a_lease_costs_nothing_whenever_it_begins(lease_seconds: float) -> None:
    for tenth in range(100):
        begins = lease_seconds * (1 + tenth / 100)
        assert outlives(lease_seconds, begins, begins + lease_seconds / 2)
    assert not outlives(lease_seconds, lease_seconds, lease_seconds * (1 + GIVE_UP_AFTER))


@pytest.mark.parametrize("lease_seconds", [2.0, 30.0])
def test_it_is_given_up_before_anybody_else_can_have_the_job(lease_seconds: float) -> None:
    lease = Lease(lease_seconds, 100.0)
    given_up = 100.0 + GIVE_UP_AFTER * lease_seconds
    assert lease.is_lost(given_up)
    assert not lease.has_run_out(given_up)
    assert lease.has_run_out(100.0 + lease_seconds)
