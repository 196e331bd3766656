"""Hand-made runs, for the judge's own tests: an innocent one, and what others are made of."""

from dataclasses import replace
from itertools import count
from typing import Any

from storage import StoredFile
from tests.chaos.contract import Verb
from tests.chaos.evidence import Aimed, Evidence, FinalJob
from tests.chaos.history import Write
from tests.chaos.plan import PlannedJob
from tests.chaos.pulse import Beat
from tests.chaos.reader import Seen
from tests.chaos.verdict import judge
from tests.chaos.watcher import Told
from tests.chaos.workload import Ticket

JOB, NAME = "job_1", "chaos-0-0000"
WEIGHTS = StoredFile("job_1/attempt-0002/weights.safetensors", 10, "a")
CHECKPOINT = StoredFile("job_1/attempt-0002/epoch-0001-step-000000.safetensors", 20, "b")
FIRST, SECOND = "worker-0.1", "worker-1.1"  # writers

_ids = count(1)


def written(relation: str, operation: str = "insert", **values: Any) -> Write:
    """By default, of the second attempt, which the second worker has."""
    nothing: dict[str, Any] = dict.fromkeys(Write.__dataclass_fields__)
    usual = {"at": 100.0, "writer": SECOND, "job_id": JOB, "attempt": 2}
    job = {"job_attempt": 2, "job_status": "running"}
    return Write(**nothing | usual | job | {"id": next(_ids), "relation": relation, "operation": operation} | values)


def moved(old: str, new: str, **values: Any) -> Write:
    usual = {"old_status": old, "status": new, "old_attempt": values.get("attempt", 2)}
    return written("jobs", "update", **usual | values)


def claimed(attempt: int, **values: Any) -> Write:
    usual = {"old_status": "queued", "status": "starting", "old_attempt": attempt - 1}
    return written("jobs", "update", **usual | {"attempt": attempt, "lease_until": 104.0} | values)


# The first worker is lost in its first epoch; the second has the job until it has succeeded.
BEGUN = (
    written("jobs", attempt=0, status="queued", writer="api.1", at=80.0, job_attempt=0, job_status="queued"),
    claimed(1, writer=FIRST, at=81.0, lease_until=85.0),
    written("attempts", attempt=1, writer=FIRST, job_attempt=1, job_status="starting"),
    moved("starting", "running", attempt=1, writer=FIRST, at=82.0, lease_until=85.0, old_lease_until=85.0),
    written("epochs", attempt=1, epoch=0, writer=FIRST, job_attempt=1),
    moved("running", "queued", attempt=1, writer=SECOND, at=86.0, old_lease_until=85.0),
    claimed(2, at=87.0),
    moved("starting", "running", at=88.0, lease_until=104.0, old_lease_until=104.0),
)
ENDED = (
    written("epochs", "update", epoch=0),
    written("checkpoints", epoch=1, step=0),
    written("epochs", epoch=1),
    written("attempts", "update", status="succeeded"),
    moved("running", "succeeded", old_lease_until=104.0),
)

INNOCENT = Evidence(
    writes=BEGUN + ENDED,
    jobs=(FinalJob(JOB, NAME, "succeeded", None, 2, (0, 1), WEIGHTS, (CHECKPOINT,)),),
    files={WEIGHTS.name: WEIGHTS.sha256, CHECKPOINT.name: CHECKPOINT.sha256},
    damaged=frozenset(),
    tickets=(Ticket(PlannedJob(NAME, 0, 1, None, False, 0.0, 0.0), JOB, 0.0, status="succeeded"),),
    seen=(Seen(JOB, 1.0, 2.0, ()), Seen(JOB, 3.0, 4.0, (0,)), Seen(JOB, 5.0, 6.0, (0, 1))),
    told=(Told(JOB, (1, 2), (0,), None),),
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


def ticket(verb: Verb, taken: Verb | None, at: float | None = None) -> Ticket:
    return Ticket(PlannedJob(NAME, 0, 1, verb, False, 0.0, 0.0), JOB, 0.0, taken=taken, taken_at=at)


def job(**values: Any) -> tuple[FinalJob, ...]:
    return (replace(INNOCENT.jobs[0], **values),)


CANCELLED = replace(
    INNOCENT,
    writes=BEGUN,
    jobs=job(status="cancelled", weights=None, checkpoints=()),
    files={},
    tickets=(ticket("cancel", "cancel", at=3.5),),
    seen=INNOCENT.seen[:2],
)

STOPPED = replace(INNOCENT, jobs=job(status="stopped", reached=(1, 3)), tickets=(ticket("stop", "stop"),))
LIMITED = Ticket(PlannedJob(NAME, 0, 1, None, False, 0.0, 0.0, 0.03), JOB, 0.0)
TIMED_OUT = replace(
    INNOCENT, jobs=job(status="failed", error="timeout: time is up", reached=(1, 3)), tickets=(LIMITED,)
)

FOLLOWED = replace(
    INNOCENT, told=(Told(JOB, (1, 2, 3, 5, 8, 9), (0, 1), "succeeded"), Told(JOB, (1, 2, 3, 5), (0,), None))
)


def looks(begin: float, end: float, **values: Any) -> tuple[Beat, ...]:
    """Ten looks a second, at a machine that has nothing else to do."""
    usual: dict[str, Any] = {
        "counts": 0.1,
        "database": True,
        "disk": True,
        "ready": frozenset({"api.1", SECOND}),
        "trainers": {},
    }
    return tuple(Beat(at=begin + place / 10, **usual | values) for place in range(round(10 * (end - begin)) + 1))


def requested(verb: str, at: float, release_job: float, **values: Any) -> Evidence:
    """A job whose worker lets go of it so long after somebody has asked for that."""
    asked = moved("running", "running", requested=verb, at=at, lease_until=900.0, old_lease_until=900.0)
    gone = moved("running", "paused", at=release_job, old_lease_until=900.0)
    return replace(INNOCENT, writes=(*BEGUN, *ENDED[:-1], asked, gone), **values)


def lost(until: float, *, not_before: float | None = None, **values: Any) -> Evidence:
    """The first worker's lease ends at 85; the second has the job at `until`."""
    requeued = moved("running", "queued", attempt=1, at=86.0, old_lease_until=85.0, not_before=not_before)
    again = claimed(2, at=until, lease_until=until + 99)
    running = moved("starting", "running", at=until, lease_until=until + 99, old_lease_until=until + 99)
    ended = moved("running", "succeeded", at=until, old_lease_until=until + 99)
    return replace(INNOCENT, writes=(*BEGUN[:5], requeued, again, running, *ENDED[:-1], ended), **values)


def broken(evidence: Evidence) -> set[str]:
    return {violation.rule for violation in judge(evidence).violations}
