"""For each rule some hand-made runs that it must find guilty, and no other rule does; and innocent ones."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from storage import StoredFile
from tests.chaos.contract import Verb
from tests.chaos.evidence import Aimed, Evidence
from tests.chaos.history import Write
from tests.chaos.made_up import (
    BEGUN,
    CANCELLED,
    CHECKPOINT,
    ENDED,
    FIRST,
    FOLLOWED,
    INNOCENT,
    JOB,
    NAME,
    SECOND,
    STOPPED,
    TIMED_OUT,
    WEIGHTS,
    broken,
    claimed,
    job,
    looks,
    lost,
    moved,
    requested,
    ticket,
    written,
)
from tests.chaos.plan import PlannedJob
from tests.chaos.reader import Seen
from tests.chaos.verdict import OUTCOME_RULES, WRITE_RULES, judge
from tests.chaos.watcher import Told
from tests.chaos.workload import Ticket

GUILTY_WRITES: Mapping[str, list[Write]] = {
    "unsigned": [written("epochs", epoch=1, writer=None), written("epochs", epoch=1, writer="")],
    "stale_writes": [
        written("epochs", epoch=0, attempt=1, writer=SECOND),
        written("steps", epoch=0, step=3, attempt=1),
        written("checkpoints", epoch=1, step=0, attempt=1),
        written("epochs", "update", epoch=0, job_status="queued"),
        written("checkpoints", "update", epoch=0, step=4, attempt=1, job_status="paused"),
    ],
    "stale_attempts": [
        written("attempts", "update", attempt=1, status="worker_lost"),
        written("attempts", "update", step=7, job_status="queued"),
    ],
    "taken_back": [
        written("epochs", "delete", epoch=0, attempt=1),
        written("steps", "delete", epoch=0, step=2, job_requested="stop"),
    ],
    "after_cancel": [
        written("epochs", epoch=1, job_requested="cancel"),
        written("steps", "update", epoch=1, step=0, job_requested="cancel"),
        written("checkpoints", epoch=1, step=0, job_requested="cancel"),
    ],
    "claims": [
        moved("running", "running", attempt=3, old_attempt=2, lease_until=104.0, old_lease_until=104.0),
    ],
    "moves": [
        moved("running", "starting", lease_until=104.0, old_lease_until=90.0, attempt=3, old_attempt=2),
        written("jobs", "delete"),
    ],
    "idle_leases": [
        moved("queued", "queued", lease_until=104.0),
        moved("running", "paused", owner="a-worker", old_lease_until=90.0),
    ],
    "two_holders": [
        moved("running", "queued", writer=FIRST, old_lease_until=104.0),
    ],
    "foreign_writers": [
        written("epochs", epoch=1, writer=FIRST),
        written("steps", epoch=1, step=0, writer=FIRST),
        written("attempts", "update", step=9, writer=FIRST),
        moved("running", "running", writer=FIRST, lease_until=108.0, old_lease_until=104.0),
    ],
}


GUILTY_OUTCOMES: Mapping[str, list[Evidence]] = {
    "tried": [
        replace(INNOCENT, faults=()),
        replace(INNOCENT, faults=(Aimed("KillWorker", hit=False),)),
        replace(INNOCENT, faults=(Aimed("KillApi", hit=True), *[Aimed("KillWorker", hit=False)] * 3)),
        replace(INNOCENT, seen=()),
        replace(INNOCENT, told=()),
        replace(INNOCENT, tickets=(), jobs=(), files={}),
        replace(INNOCENT, tickets=()),
        replace(INNOCENT, writes=()),
        replace(INNOCENT, writes=[write for write in INNOCENT.writes if write.relation != "attempts"]),
        replace(INNOCENT, writes=[write for write in INNOCENT.writes if write.relation != "epochs"]),
    ],
    "taken_over": [
        lost(until=85.0 + 9_996.0),
        lost(until=94.0),
        lost(until=94.0, beats=looks(70.0, 100.0)),
        replace(
            INNOCENT, writes=BEGUN, beats=looks(70.0, 120.0, ready=frozenset({FIRST, SECOND}))
        ),  # nobody has cared since the second lease's end
    ],
    "requests_met": [
        requested("cancel", 110.0, 116.0),
        requested("stop", 110.0, 160.0),
        requested("pause", 110.0, 160.0, beats=looks(70.0, 170.0)),
    ],
    "devices_freed": [
        replace(INNOCENT, beats=looks(101.0, 107.0, trainers={SECOND: 1})),
        replace(INNOCENT, beats=looks(92.0, 98.0, trainers={SECOND: 2})),
    ],
    "no_internal_error": [replace(INNOCENT, internal_errors=("GET /v1/jobs: 500, request_id req_1",))],
    "logs_clean": [replace(INNOCENT, logged=("api: Traceback",))],
    "accepted_once": [
        replace(INNOCENT, jobs=(), files={}),
        replace(INNOCENT, jobs=(*INNOCENT.jobs, *job(id="job_2", weights=None, checkpoints=()))),
    ],
    "quota_kept": [
        replace(INNOCENT, quota=0),
        replace(INNOCENT, quota=1, writes=(claimed(1, job_id="job_2", at=80.0, lease_until=900.0), *INNOCENT.writes)),
    ],
    "as_asked": [
        replace(INNOCENT, jobs=job(status="running")),
        replace(INNOCENT, jobs=job(status="failed")),
        replace(CANCELLED, jobs=job(status="stopped", weights=None, checkpoints=())),
    ],
    "epochs_whole": [
        replace(INNOCENT, jobs=job(epochs=(0,))),
        replace(INNOCENT, jobs=job(epochs=(0, 0, 1))),
        replace(CANCELLED, jobs=job(status="cancelled", weights=None, checkpoints=(), epochs=(1,))),
    ],
    "killed_equals_unkilled": [replace(INNOCENT, references={0: "another"})],
    "stopped_equals_unkilled": [
        replace(STOPPED, part_way={(0, 1, 3): "another"}),
        replace(STOPPED, part_way={(0, 1, 2): WEIGHTS.sha256}),
        replace(STOPPED, jobs=job(status="stopped", reached=None)),
        replace(TIMED_OUT, part_way={(0, 1, 3): "another"}),
    ],
    "discarded": [replace(CANCELLED, jobs=job(status="cancelled", checkpoints=()), files={WEIGHTS.name: "a"})],
    "stopped_with_weights": [
        replace(
            INNOCENT,
            tickets=(Ticket(PlannedJob(NAME, 0, 1, "stop", False, 0.0, 0.0), JOB, 0.0, status="stopped"),),
            jobs=job(status="stopped", weights=None),
            files={CHECKPOINT.name: CHECKPOINT.sha256},
        )
    ],
    "files_named": [
        replace(INNOCENT, files={WEIGHTS.name: "a"}),
        replace(INNOCENT, files={**INNOCENT.files, CHECKPOINT.name: "another"}),
        replace(INNOCENT, files={**INNOCENT.files, "job_1/attempt-0001/left.safetensors": "c"}),
        replace(INNOCENT, jobs=job(left=(StoredFile("job_1/attempt-0002/predictions.safetensors", 30, "d"),))),
    ],
    "secrets_kept": [replace(INNOCENT, leaks=("the broker's password stands in log: api.log",))],
    "clients_served": [replace(INNOCENT, problems=("500",))],
    "readable": [
        replace(INNOCENT, seen=(*INNOCENT.seen, Seen(JOB, 7.0, 8.0, (0,)))),
        replace(INNOCENT, seen=(Seen(JOB, 7.0, 8.0, (0, 0)),)),
        replace(INNOCENT, seen=(Seen(JOB, 7.0, 8.0, (1, 0)),)),
        replace(INNOCENT, seen=(Seen(JOB, 7.0, 8.0, (0, 2)),)),
    ],
    "streamed": [
        replace(INNOCENT, told=(Told(JOB, (1, 2, 2), (), None),)),
        replace(INNOCENT, told=(Told(JOB, (1, 3, 2), (), None),)),
        replace(INNOCENT, told=(Told(JOB, (1, 2, 3), (0, 0), None),)),
        replace(INNOCENT, told=(Told(JOB, (1, 2, 3), (1,), None),)),
        replace(INNOCENT, told=(Told(JOB, (1, 2, 3), (0,), "succeeded"),)),
        replace(INNOCENT, told=(Told(JOB, (1, 2, 3), (0, 1), "failed"),)),
    ],
    "final_cancel": [replace(CANCELLED, seen=INNOCENT.seen)],
}


def _each(cases: Mapping[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{number}") for rule in cases for number, case in enumerate(cases[rule], 1)
    ]


@pytest.mark.parametrize("evidence", [INNOCENT, CANCELLED, STOPPED, TIMED_OUT, FOLLOWED])
def test_an_innocent_run_breaks_no_rule(evidence: Evidence) -> None:
    assert judge(evidence).violations == ()


@pytest.mark.parametrize(("rule", "write"), _each(GUILTY_WRITES))
def test_a_guilty_write_breaks_its_rule(rule: str, write: Write) -> None:
    assert rule in broken(replace(INNOCENT, writes=(*BEGUN, write, *ENDED)))


@pytest.mark.parametrize(("rule", "evidence"), _each(GUILTY_OUTCOMES))
def test_a_guilty_outcome_breaks_its_rule_alone(rule: str, evidence: Evidence) -> None:
    assert broken(evidence) == {rule}


def test_every_rule_has_a_guilty_example() -> None:
    rules: list[Callable[..., Any]] = [*WRITE_RULES, *OUTCOME_RULES]
    assert {rule.__name__ for rule in rules} == GUILTY_WRITES.keys() | GUILTY_OUTCOMES.keys()


def test_a_claim_of_a_job_whose_lease_has_not_run_out_has_two_holders() -> None:
    claim = claimed(3, old_status="running", writer=FIRST, old_lease_until=104.0)
    assert "two_holders" in broken(replace(INNOCENT, writes=(*BEGUN, claim)))


def test_a_claim_that_does_not_count_is_found() -> None:
    claim = claimed(1, old_attempt=1, writer=FIRST, at=87.0)
    assert "claims" in broken(replace(INNOCENT, writes=(*BEGUN[:6], claim)))


def test_nothing_moves_once_a_job_has_ended() -> None:
    assert "moves" in broken(replace(INNOCENT, writes=(*BEGUN, *ENDED, moved("succeeded", "queued"))))


def test_a_stopped_job_may_take_back_what_its_weights_have_not_been_through() -> None:
    taken_back = [written("epochs", "delete", epoch=1, attempt=1, job_requested="stop")]
    assert "taken_back" not in broken(replace(INNOCENT, writes=(*BEGUN, *taken_back)))


def test_a_damaged_checkpoint_is_no_violation() -> None:
    files = {**INNOCENT.files, CHECKPOINT.name: "another"}
    assert broken(replace(INNOCENT, files=files, damaged=frozenset({CHECKPOINT.name}))) == set()


@pytest.mark.parametrize(
    ("verb", "taken", "status"), [("stop", "stop", "stopped"), ("cancel", None, "cancelled"), ("pause", None, "paused")]
)
def test_how_a_job_may_end(verb: Verb, taken: Verb | None, status: str) -> None:
    ended = job(status=status, weights=None, checkpoints=())
    rules = broken(replace(INNOCENT, jobs=ended, tickets=(ticket(verb, taken),), files={}))
    assert rules == (set() if status != "paused" else {"as_asked"})


def test_on_sqlite_too_a_requeue_by_another_than_the_worker_needs_its_lease_to_have_run_out() -> None:
    early = moved("running", "queued", writer="api.1", at=101.0, old_lease_until=104.0)
    assert "two_holders" in broken(replace(INNOCENT, writes=(*BEGUN, early)))
    own = moved("running", "queued", writer=SECOND, at=101.0, old_lease_until=104.0)
    assert "two_holders" not in broken(replace(INNOCENT, writes=(*BEGUN, own)))


def test_the_verdict_says_how_many_faults_hit_and_what_was_repeated() -> None:
    faults = (Aimed("KillWorker", hit=True), Aimed("KillWorker", hit=False), Aimed("KillApi", hit=True))
    told = judge(replace(INNOCENT, faults=faults, repeated={503: 7})).told()
    assert "faults: 2 of 3 hit (KillApi 1/1, KillWorker 1/2)" in told
    assert "7 x 503" in told


def test_takeovers_are_measured_from_the_end_of_the_lease() -> None:
    assert [takeover.seconds for takeover in judge(INNOCENT).takeovers] == [2.0]


def test_what_a_job_whose_time_is_up_takes_back_is_no_violation() -> None:
    taken_back = written("epochs", "delete", epoch=1, attempt=1)
    fails = moved("running", "failed", old_lease_until=104.0)
    assert "taken_back" not in broken(replace(INNOCENT, writes=(*BEGUN, taken_back, fails)))
    assert "taken_back" in broken(replace(INNOCENT, writes=(*BEGUN, taken_back, *ENDED)))
