"""Which seconds count, of those that somebody had to wait."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.made_up import SECOND, broken, claimed, looks, lost, requested, written


@pytest.mark.parametrize(
    "excused",
    [
        {"database": False},
        {"ready": frozenset({"api.1"})},
        {"ready": frozenset({"worker-1.2"})},  # it has started again, and has not signed on yet
        {"counts": 0.005},  # on a machine that leaves us a twentieth of the time
    ],
)
def test_seconds_in_which_nobody_could_take_over_do_not_count(excused: dict[str, Any]) -> None:
    signed_on = [written("workers", job_id="w", owner="w", writer=SECOND, at=71.0, attempt=None)]
    signed_on += [written("workers", job_id="v", owner="v", writer="worker-1.2", at=136.0, attempt=None)]
    evidence = lost(until=140.0, beats=looks(70.0, 141.0))
    guilty = replace(evidence, writes=(*signed_on, *evidence.writes))
    assert broken(guilty) == {"taken_over"}
    beats = (*looks(70.0, 86.0), *looks(86.1, 136.0, **excused), *looks(136.1, 141.0))
    assert broken(replace(guilty, beats=beats)) == set()


def test_a_worker_that_has_no_free_slot_cannot_take_over() -> None:
    others = [
        claimed(1, job_id="job_2", at=80.0, lease_until=900.0),
        claimed(1, job_id="job_3", at=80.0, lease_until=900.0),
    ]
    evidence = lost(until=140.0, beats=looks(70.0, 141.0))
    for slots, rules in ((2, set()), (3, {"taken_over"})):
        assert broken(replace(evidence, writes=(*others, *evidence.writes), slots=slots)) == rules


def test_a_quota_that_is_used_up_keeps_jobs_waiting_and_no_job_that_is_to_be_stopped() -> None:
    other = claimed(1, job_id="job_2", at=86.5, lease_until=900.0)
    evidence = lost(until=140.0, beats=looks(70.0, 141.0, ready=frozenset({"worker-2.1"})), slots=2)
    full = (*evidence.writes[:6], other, *evidence.writes[6:])
    assert broken(replace(evidence, writes=full)) == {"taken_over"}
    assert broken(replace(evidence, writes=full, quota=1)) == {"quota_kept"}
    stopped = [replace(write, requested="stop") if write.at == 140.0 else write for write in full]
    assert "quota_kept" not in broken(replace(evidence, writes=stopped, quota=1))


def test_a_job_that_is_to_wait_is_not_late() -> None:
    assert broken(lost(until=140.0, not_before=139.0)) == set()
    assert broken(lost(until=149.0, not_before=139.0)) == {"taken_over"}


def test_a_full_disk_holds_up_a_stop_and_no_cancel() -> None:
    beats = looks(70.0, 170.0, disk=False)
    assert broken(requested("stop", 110.0, 160.0, beats=beats)) == set()
    assert broken(requested("cancel", 110.0, 160.0, beats=beats)) == {"requests_met"}
