"""Hand-made runs: one that is innocent, and for each rule some that it must find guilty, and no other rule does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from storage import StoredFile
from tests.chaos.contract import Verb
from tests.chaos.evidence import Aimed, Evidence, FinalJob
from tests.chaos.history import Write
from tests.chaos.plan import PlannedJob
from tests.chaos.pulse import Beat
from tests.chaos.reader import Seen
from tests.chaos.verdict import OUTCOME_RULES, WRITE_RULES, judge
from tests.chaos.watcher import Told
from tests.chaos.workload import Ticket

JOB, NAME = "job_1", "chaos-0-0000"
WEIGHTS = StoredFile("job_1/attempt-0002/weights.safetensors", 10, "a")
CHECKPOINT = StoredFile("job_1/attempt-0002/epoch-0001-step-000000.safetensors", 20, "b")
FIRST, SECOND = "worker-0.1", "worker-1.1"  # writers

_ids = count(1)


def _write(relation: str, operation: str = "insert", **values: Any) -> Write:
    """By default, of the second attempt, which the second worker has."""
    nothing: dict[str, Any] = dict.fromkeys(Write.__dataclass_fields__)
    usual = {"at": 100.0, "writer": SECOND, "job_id": JOB, "attempt": 2}
    job = {"job_attempt": 2, "job_status": "running"}
    return Write(**nothing | usual | job | {"id": next(_ids), "relation": relation, "operation": operation} | values)


def _move(old: str, new: str, **values: Any) -> Write:
    usual = {"old_status": old, "status": new, "old_attempt": values.get("attempt", 2)}
    return _write("jobs", "update", **usual | values)


def _claim(attempt: int, **values: Any) -> Write:
    usual = {"old_status": "queued", "status": "starting", "old_attempt": attempt - 1}
    return _write("jobs", "update", **usual | {"attempt": attempt, "lease_until": 104.0} | values)


# The first worker is lost in its first epoch; the second has the job until it has succeeded.
BEGUN = (
    _write("jobs", attempt=0, status="queued", writer="api.1", at=80.0, job_attempt=0, job_status="queued"),
    _claim(1, writer=FIRST, at=81.0, lease_until=85.0),
    _write("attempts", attempt=1, writer=FIRST, job_attempt=1, job_status="starting"),
    _move("starting", "running", attempt=1, writer=FIRST, at=82.0, lease_until=85.0, old_lease_until=85.0),
    _write("epochs", attempt=1, epoch=0, writer=FIRST, job_attempt=1),
    _move("running", "queued", attempt=1, writer=SECOND, at=86.0, old_lease_until=85.0),
    _claim(2, at=87.0),
    _move("starting", "running", at=88.0, lease_until=104.0, old_lease_until=104.0),
)
ENDED = (
    _write("epochs", "update", epoch=0),
    _write("checkpoints", epoch=1, step=0),
    _write("epochs", epoch=1),
    _write("attempts", "update", status="succeeded"),
    _move("running", "succeeded", old_lease_until=104.0),
)

INNOCENT = Evidence(
    writes=BEGUN + ENDED,
    jobs=(FinalJob(JOB, NAME, "succeeded", None, 2, (0, 1), WEIGHTS, (CHECKPOINT,)),),
    files={WEIGHTS.name: WEIGHTS.sha256, CHECKPOINT.name: CHECKPOINT.sha256},
    damaged=frozenset(),
    tickets=(Ticket(PlannedJob(NAME, 0, 1, None, False, 0.0, 0.0), JOB, 0.0, status="succeeded"),),
    seen=(Seen(JOB, 1.0, 2.0, ()), Seen(JOB, 3.0, 4.0, (0,)), Seen(JOB, 5.0, 6.0, (0, 1))),
    told=(),
    references={0: WEIGHTS.sha256},
    part_way={(0, 1, 3): WEIGHTS.sha256},
    faults=(Aimed("KillWorker", hit=True),),
    beats=(),
    slots=1,
    quota=None,
    internal_errors=(),
    repeated={},
    logged=(),
    leaks=(),
    problems=(),
)

GUILTY_WRITES: Mapping[str, list[Write]] = {
    "unsigned": [_write("epochs", epoch=1, writer=None), _write("epochs", epoch=1, writer="")],
    "stale_writes": [
        _write("epochs", epoch=0, attempt=1, writer=SECOND),
        _write("steps", epoch=0, step=3, attempt=1),
        _write("checkpoints", epoch=1, step=0, attempt=1),
        _write("epochs", "update", epoch=0, job_status="queued"),
        _write("checkpoints", "update", epoch=0, step=4, attempt=1, job_status="paused"),
    ],
    "stale_attempts": [
        _write("attempts", "update", attempt=1, status="worker_lost"),
        _write("attempts", "update", step=7, job_status="queued"),
    ],
    "taken_back": [
        _write("epochs", "delete", epoch=0, attempt=1),
        _write("steps", "delete", epoch=0, step=2, job_requested="stop"),
    ],
    "after_cancel": [
        _write("epochs", epoch=1, job_requested="cancel"),
        _write("steps", "update", epoch=1, step=0, job_requested="cancel"),
        _write("checkpoints", epoch=1, step=0, job_requested="cancel"),
    ],
    "claims": [
        _move("running", "running", attempt=3, old_attempt=2, lease_until=104.0, old_lease_until=104.0),
    ],
    "moves": [
        _move("running", "starting", lease_until=104.0, old_lease_until=90.0, attempt=3, old_attempt=2),
        _write("jobs", "delete"),
    ],
    "idle_leases": [
        _move("queued", "queued", lease_until=104.0),
        _move("running", "paused", owner="a-worker", old_lease_until=90.0),
    ],
    "two_holders": [
        _move("running", "queued", writer=FIRST, old_lease_until=104.0),
    ],
    "foreign_writers": [
        _write("epochs", epoch=1, writer=FIRST),
        _write("steps", epoch=1, step=0, writer=FIRST),
        _write("attempts", "update", step=9, writer=FIRST),
        _move("running", "running", writer=FIRST, lease_until=108.0, old_lease_until=104.0),
    ],
}


def _ticket(verb: Verb, taken: Verb | None, at: float | None = None) -> Ticket:
    return Ticket(PlannedJob(NAME, 0, 1, verb, False, 0.0, 0.0), JOB, 0.0, taken=taken, taken_at=at)


def _job(**values: Any) -> tuple[FinalJob, ...]:
    return (replace(INNOCENT.jobs[0], **values),)


CANCELLED = replace(
    INNOCENT,
    writes=BEGUN,
    jobs=_job(status="cancelled", weights=None, checkpoints=()),
    files={},
    tickets=(_ticket("cancel", "cancel", at=3.5),),
    seen=INNOCENT.seen[:2],
)

STOPPED = replace(INNOCENT, jobs=_job(status="stopped", reached=(1, 3)), tickets=(_ticket("stop", "stop"),))
LIMITED = Ticket(PlannedJob(NAME, 0, 1, None, False, 0.0, 0.0, 0.03), JOB, 0.0)
TIMED_OUT = replace(
    INNOCENT, jobs=_job(status="failed", error="timeout: time is up", reached=(1, 3)), tickets=(LIMITED,)
)

FOLLOWED = replace(
    INNOCENT, told=(Told(JOB, (1, 2, 3, 5, 8, 9), (0, 1), "succeeded"), Told(JOB, (1, 2, 3, 5), (0,), None))
)


def _beats(begin: float, end: float, **values: Any) -> tuple[Beat, ...]:
    """Ten looks a second, at a machine that has nothing else to do."""
    usual: dict[str, Any] = {
        "counts": 0.1,
        "database": True,
        "disk": True,
        "ready": frozenset({"api.1", SECOND}),
        "trainers": {},
    }
    return tuple(Beat(at=begin + place / 10, **usual | values) for place in range(round(10 * (end - begin)) + 1))


def _requested(verb: str, at: float, let_go: float, **values: Any) -> Evidence:
    """A job whose worker lets go of it so long after somebody has asked for that."""
    asked = _move("running", "running", requested=verb, at=at, lease_until=900.0, old_lease_until=900.0)
    gone = _move("running", "paused", at=let_go, old_lease_until=900.0)
    return replace(INNOCENT, writes=(*BEGUN, *ENDED[:-1], asked, gone), **values)


def _lost(until: float, *, not_before: float | None = None, **values: Any) -> Evidence:
    """The first worker's lease ends at 85; the second has the job at `until`."""
    requeued = _move("running", "queued", attempt=1, at=86.0, old_lease_until=85.0, not_before=not_before)
    claimed = _claim(2, at=until, lease_until=until + 99)
    running = _move("starting", "running", at=until, lease_until=until + 99, old_lease_until=until + 99)
    ended = _move("running", "succeeded", at=until, old_lease_until=until + 99)
    return replace(INNOCENT, writes=(*BEGUN[:5], requeued, claimed, running, *ENDED[:-1], ended), **values)


GUILTY_OUTCOMES: Mapping[str, list[Evidence]] = {
    "tried": [
        replace(INNOCENT, faults=()),
        replace(INNOCENT, faults=(Aimed("KillWorker", hit=False),)),
        replace(INNOCENT, faults=(Aimed("KillApi", hit=True), *[Aimed("KillWorker", hit=False)] * 3)),
        replace(INNOCENT, seen=()),
        replace(INNOCENT, tickets=(), jobs=(), files={}),
        replace(INNOCENT, tickets=()),
        replace(INNOCENT, writes=()),
        replace(INNOCENT, writes=[write for write in INNOCENT.writes if write.relation != "attempts"]),
        replace(INNOCENT, writes=[write for write in INNOCENT.writes if write.relation != "epochs"]),
    ],
    "taken_over": [
        _lost(until=85.0 + 9_996.0),
        _lost(until=94.0),
        _lost(until=94.0, beats=_beats(70.0, 100.0)),
        replace(
            INNOCENT, writes=BEGUN, beats=_beats(70.0, 120.0, ready=frozenset({FIRST, SECOND}))
        ),  # nobody has cared since the second lease's end
    ],
    "requests_met": [
        _requested("cancel", 110.0, 116.0),
        _requested("stop", 110.0, 160.0),
        _requested("pause", 110.0, 160.0, beats=_beats(70.0, 170.0)),
    ],
    "devices_freed": [
        replace(INNOCENT, beats=_beats(101.0, 107.0, trainers={SECOND: 1})),
        replace(INNOCENT, beats=_beats(92.0, 98.0, trainers={SECOND: 2})),
    ],
    "no_internal_error": [replace(INNOCENT, internal_errors=("GET /v1/jobs: 500, request_id req_1",))],
    "logs_clean": [replace(INNOCENT, logged=("api: Traceback",))],
    "accepted_once": [
        replace(INNOCENT, jobs=(), files={}),
        replace(INNOCENT, jobs=(*INNOCENT.jobs, *_job(id="job_2", weights=None, checkpoints=()))),
    ],
    "quota_kept": [
        replace(INNOCENT, quota=0),
        replace(INNOCENT, quota=1, writes=(_claim(1, job_id="job_2", at=80.0, lease_until=900.0), *INNOCENT.writes)),
    ],
    "as_asked": [
        replace(INNOCENT, jobs=_job(status="running")),
        replace(INNOCENT, jobs=_job(status="failed")),
        replace(CANCELLED, jobs=_job(status="stopped", weights=None, checkpoints=())),
    ],
    "epochs_whole": [
        replace(INNOCENT, jobs=_job(epochs=(0,))),
        replace(INNOCENT, jobs=_job(epochs=(0, 0, 1))),
        replace(CANCELLED, jobs=_job(status="cancelled", weights=None, checkpoints=(), epochs=(1,))),
    ],
    "killed_equals_unkilled": [replace(INNOCENT, references={0: "another"})],
    "stopped_equals_unkilled": [
        replace(STOPPED, part_way={(0, 1, 3): "another"}),
        replace(STOPPED, part_way={(0, 1, 2): WEIGHTS.sha256}),
        replace(STOPPED, jobs=_job(status="stopped", reached=None)),
        replace(TIMED_OUT, part_way={(0, 1, 3): "another"}),
    ],
    "discarded": [replace(CANCELLED, jobs=_job(status="cancelled", checkpoints=()), files={WEIGHTS.name: "a"})],
    "stopped_with_weights": [
        replace(
            INNOCENT,
            tickets=(Ticket(PlannedJob(NAME, 0, 1, "stop", False, 0.0, 0.0), JOB, 0.0, status="stopped"),),
            jobs=_job(status="stopped", weights=None),
            files={CHECKPOINT.name: CHECKPOINT.sha256},
        )
    ],
    "files_named": [
        replace(INNOCENT, files={WEIGHTS.name: "a"}),
        replace(INNOCENT, files={**INNOCENT.files, CHECKPOINT.name: "another"}),
        replace(INNOCENT, files={**INNOCENT.files, "job_1/attempt-0001/left.safetensors": "c"}),
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


def _broken(evidence: Evidence) -> set[str]:
    return {violation.rule for violation in judge(evidence).violations}


def _each(cases: Mapping[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{number}") for rule in cases for number, case in enumerate(cases[rule], 1)
    ]


@pytest.mark.parametrize("evidence", [INNOCENT, CANCELLED, STOPPED, TIMED_OUT, FOLLOWED])
def test_an_innocent_run_breaks_no_rule(evidence: Evidence) -> None:
    assert judge(evidence).violations == ()


@pytest.mark.parametrize(("rule", "write"), _each(GUILTY_WRITES))
def test_a_guilty_write_breaks_its_rule(rule: str, write: Write) -> None:
    assert rule in _broken(replace(INNOCENT, writes=(*BEGUN, write, *ENDED)))


@pytest.mark.parametrize(("rule", "evidence"), _each(GUILTY_OUTCOMES))
def test_a_guilty_outcome_breaks_its_rule_alone(rule: str, evidence: Evidence) -> None:
    assert _broken(evidence) == {rule}


def test_every_rule_has_a_guilty_example() -> None:
    rules: list[Callable[..., Any]] = [*WRITE_RULES, *OUTCOME_RULES]
    assert {rule.__name__ for rule in rules} == GUILTY_WRITES.keys() | GUILTY_OUTCOMES.keys()


def test_a_claim_of_a_job_whose_lease_has_not_run_out_has_two_holders() -> None:
    claim = _claim(3, old_status="running", writer=FIRST, old_lease_until=104.0)
    assert "two_holders" in _broken(replace(INNOCENT, writes=(*BEGUN, claim)))


def test_a_claim_that_does_not_count_is_found() -> None:
    claim = _claim(1, old_attempt=1, writer=FIRST, at=87.0)
    assert "claims" in _broken(replace(INNOCENT, writes=(*BEGUN[:6], claim)))


def test_nothing_moves_once_a_job_has_ended() -> None:
    assert "moves" in _broken(replace(INNOCENT, writes=(*BEGUN, *ENDED, _move("succeeded", "queued"))))


def test_a_stopped_job_may_take_back_what_its_weights_have_not_been_through() -> None:
    taken_back = [_write("epochs", "delete", epoch=1, attempt=1, job_requested="stop")]
    assert "taken_back" not in _broken(replace(INNOCENT, writes=(*BEGUN, *taken_back)))


def test_a_damaged_checkpoint_is_no_violation() -> None:
    files = {**INNOCENT.files, CHECKPOINT.name: "another"}
    assert _broken(replace(INNOCENT, files=files, damaged=frozenset({CHECKPOINT.name}))) == set()


@pytest.mark.parametrize(
    ("verb", "taken", "status"), [("stop", "stop", "stopped"), ("cancel", None, "cancelled"), ("pause", None, "paused")]
)
def test_how_a_job_may_end(verb: Verb, taken: Verb | None, status: str) -> None:
    job = _job(status=status, weights=None, checkpoints=())
    broken = _broken(replace(INNOCENT, jobs=job, tickets=(_ticket(verb, taken),), files={}))
    assert broken == (set() if status != "paused" else {"as_asked"})


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
    signed_on = [_write("workers", job_id="w", owner="w", writer=SECOND, at=71.0, attempt=None)]
    signed_on += [_write("workers", job_id="v", owner="v", writer="worker-1.2", at=136.0, attempt=None)]
    evidence = _lost(until=140.0, beats=_beats(70.0, 141.0))
    guilty = replace(evidence, writes=(*signed_on, *evidence.writes))
    assert _broken(guilty) == {"taken_over"}
    beats = (*_beats(70.0, 86.0), *_beats(86.1, 136.0, **excused), *_beats(136.1, 141.0))
    assert _broken(replace(guilty, beats=beats)) == set()


def test_a_worker_that_has_no_free_slot_cannot_take_over() -> None:
    others = [
        _claim(1, job_id="job_2", at=80.0, lease_until=900.0),
        _claim(1, job_id="job_3", at=80.0, lease_until=900.0),
    ]
    evidence = _lost(until=140.0, beats=_beats(70.0, 141.0))
    for slots, broken in ((2, set()), (3, {"taken_over"})):
        assert _broken(replace(evidence, writes=(*others, *evidence.writes), slots=slots)) == broken


def test_a_quota_that_is_used_up_keeps_jobs_waiting_and_no_job_that_is_to_be_stopped() -> None:
    other = _claim(1, job_id="job_2", at=86.5, lease_until=900.0)
    evidence = _lost(until=140.0, beats=_beats(70.0, 141.0, ready=frozenset({"worker-2.1"})), slots=2)
    full = (*evidence.writes[:6], other, *evidence.writes[6:])
    assert _broken(replace(evidence, writes=full)) == {"taken_over"}
    assert _broken(replace(evidence, writes=full, quota=1)) == {"quota_kept"}
    stopped = [replace(write, requested="stop") if write.at == 140.0 else write for write in full]
    assert "quota_kept" not in _broken(replace(evidence, writes=stopped, quota=1))


def test_a_job_that_is_to_wait_is_not_late() -> None:
    assert _broken(_lost(until=140.0, not_before=139.0)) == set()
    assert _broken(_lost(until=149.0, not_before=139.0)) == {"taken_over"}


def test_a_full_disk_holds_up_a_stop_and_no_cancel() -> None:
    beats = _beats(70.0, 170.0, disk=False)
    assert _broken(_requested("stop", 110.0, 160.0, beats=beats)) == set()
    assert _broken(_requested("cancel", 110.0, 160.0, beats=beats)) == {"requests_met"}


def test_on_sqlite_too_a_requeue_by_another_than_the_worker_needs_its_lease_to_have_run_out() -> None:
    early = _move("running", "queued", writer="api.1", at=101.0, old_lease_until=104.0)
    assert "two_holders" in _broken(replace(INNOCENT, writes=(*BEGUN, early)))
    own = _move("running", "queued", writer=SECOND, at=101.0, old_lease_until=104.0)
    assert "two_holders" not in _broken(replace(INNOCENT, writes=(*BEGUN, own)))


def test_the_verdict_says_how_many_faults_hit_and_what_was_repeated() -> None:
    faults = (Aimed("KillWorker", hit=True), Aimed("KillWorker", hit=False), Aimed("KillApi", hit=True))
    told = judge(replace(INNOCENT, faults=faults, repeated={503: 7})).told()
    assert "faults: 2 of 3 hit (KillApi 1/1, KillWorker 1/2)" in told
    assert "7 x 503" in told


def test_takeovers_are_measured_from_the_end_of_the_lease() -> None:
    assert [takeover.seconds for takeover in judge(INNOCENT).takeovers] == [2.0]
