"""A job's life in random order, by workers that have it and by those that no longer do, against `tests.jobs.model`."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Literal, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs import lifecycle, placement, reconciler, recording, requests, workers
from jobs.errors import AttemptFenced, JobError
from jobs.fence import Claim
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Base, Database, Job, Project
from tests.jobs.conftest import BROKEN, LOST, checkpoint_of, epoch_metrics, spec, step_metrics, weights_of
from tests.jobs.model import ENDS, HELD, LEASE, ModelJob
from tests.jobs.rows import START, rows_of, stored_rows
from tests.stage import FACTS

MINUTE = 60_000
MOST_UNFINISHED = 3

VERBS = {
    "cancel": requests.request_cancel,
    "stop": requests.request_stop,
    "pause": requests.request_pause,
    "resume": requests.resume,
}

numbers = st.integers(0, 3)
accuracies = st.sampled_from([None, 0.25, 0.5, 0.75])

# Of the attempts: among those that have their job, those that have lost it to another, or all; and which of them.
# Of the jobs: among those that a worker has, those that have not ended, or all.
Pick: TypeAlias = tuple[Literal["having", "late", "any"], int]
picks: st.SearchStrategy[Pick] = st.tuples(st.sampled_from(("having", "having", "late", "any")), numbers)
reports = st.sampled_from(["alive", "started", "checkpoint", "epoch", "epochs and checkpoints"])
ends = st.sampled_from(["success", "failure", "timeout", "stop", "drain", "drain", "loss", "loss"])
verbs = st.sampled_from(["cancel", "cancel", "stop", "pause", "resume"])
workers_ = st.sampled_from(["first", "second"])


class Clock:
    """What SQLite takes for the time."""

    def __init__(self) -> None:
        self.now = 0  # milliseconds

    def strftime(self, _format: str, _now: str, modifier: str) -> str:
        """In place of SQLite's own, as models.columns.DatabaseNow calls it."""
        moment = START + timedelta(milliseconds=self.now, seconds=float(modifier.removesuffix(" seconds")))
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


with_a_job = precondition(lambda self: bool(self.model))
with_an_attempt = precondition(lambda self: bool(self.handed_out))


class Jobs(RuleBasedStateMachine):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self.database, self.clock = database, clock
        self.clock.now = 0
        self.model: dict[str, ModelJob] = {}
        self.handed_out: list[Claim] = []
        self.ended: dict[str, str] = {}
        with database.session() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
            session.add(Project(id=DEFAULT_PROJECT))
            for name in ("first", "second"):
                workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")

    def job_of(self, pick: Pick) -> ModelJob:
        whose, number = pick
        statuses = {"having": HELD, "late": (*HELD, "queued", "paused"), "any": ()}[whose]
        jobs = list(self.model.values())
        among = [job for job in jobs if job.status in statuses] or jobs
        return among[number % len(among)]

    def attempt_of(self, pick: Pick) -> Claim:
        whose, number = pick
        among = [
            claim for claim in self.handed_out if whose != "any" and self.has_its_job(claim) is (whose == "having")
        ]
        among = among or self.handed_out
        return among[number % len(among)]

    def has_its_job(self, claim: Claim) -> bool | None:
        """None where nobody has it."""
        job = self.model[claim.job_id]
        return job.attempt == claim.attempt if job.status in HELD else None

    def write(self, claim: Claim, call: Callable[[Session], object], *, even_if_cancelled: bool = False) -> bool:
        """Make a write of this attempt, which only the one that has the job may. Whether it was accepted."""
        allowed = self.model[claim.job_id].is_held_by(claim, even_if_cancelled=even_if_cancelled)
        try:
            with self.database.session() as session:
                call(session)
        except AttemptFenced:
            assert not allowed, "a write of the attempt that has the job was refused"
            return False
        assert allowed, "a write of an attempt that has lost its job was accepted"
        return True

    @precondition(lambda self: sum(job.status not in ENDS for job in self.model.values()) < MOST_UNFINISHED)
    @rule(
        priority=st.sampled_from([0, 5, 9]),
        max_retries=st.sampled_from([0, 0, 1, 3]),
        keep=st.integers(1, 2),
        keep_best=st.sampled_from([True, True, False]),
        limit=st.sampled_from([None, 1]),
    )
    def submit(self, priority: int, max_retries: int, keep: int, keep_best: bool, limit: int | None) -> None:
        asked = spec(checkpoints={"keep": keep, "keep_best": keep_best}, time_limit_minutes=limit)
        with self.database.session() as session:
            job_id = lifecycle.submit(session, Submission(asked, priority=priority, max_retries=max_retries)).id
        time = limit and limit * MINUTE
        self.model[job_id] = ModelJob(job_id, priority, max_retries, keep, keep_best, time)

    def take(self, job_id: str, worker: str) -> None:
        job, before = self.model[job_id], self.model[job_id].attempt
        is_to_finish = job.is_to_finish(self.clock.now)
        expected = job.status == "queued" and job.begin(worker, self.clock.now)
        with self.database.session() as session:
            claim = lifecycle.claim(session, job_id, worker, LEASE / 1000)
        assert (claim is not None) == expected
        if claim is None:
            return
        assert claim.attempt == before + 1
        assert claim.finish_at_once == is_to_finish
        furthest = sorted(job.checkpoints, reverse=True)
        assert [(each.epoch, each.step) for each in claim.checkpoints] == [place[:2] for place in furthest]
        self.handed_out.append(claim)

    @rule(worker=workers_)
    def take_the_next(self, worker: str) -> None:
        waiting = [job for job in self.model.values() if job.may_begin()]
        first = min(waiting, key=lambda job: (-job.priority, job.id), default=None)
        with self.database.snapshot() as session:
            offered = placement.next_job(session, ["cpu"])
        assert (offered and offered.job_id) == (first and first.id)
        if offered:
            self.take(offered.job_id, worker)

    @with_a_job
    @rule(pick=picks, worker=workers_)
    def take_one_by_a_message_that_comes_late_or_twice(self, pick: Pick, worker: str) -> None:
        job = self.job_of(pick)
        if job.status != "queued" or job.may_begin():
            self.take(job.id, worker)

    @with_an_attempt
    @rule(pick=picks, kind=reports, epoch=numbers, step=st.sampled_from([0, 0, 2]), accuracy=accuracies)
    def report(self, pick: Pick, kind: str, epoch: int, step: int, accuracy: float | None) -> None:
        claim = self.attempt_of(pick)
        match kind:
            case "alive":
                self.beat(claim)
            case "started":
                self.start(claim)
            case "checkpoint":
                self.publish(claim, epoch, step)
            case "epoch":
                self.measure(claim, epoch, step, accuracy)
            case _:
                for each in range(epoch, epoch + 3):
                    self.measure(claim, each, step, accuracy)
                    self.publish(claim, each + 1, 0)

    def beat(self, claim: Claim) -> None:
        asked = list[str | None]()

        def renew(session: Session) -> None:
            asked.append(lifecycle.heartbeat(session, claim, LEASE / 1000))

        if self.write(claim, renew, even_if_cancelled=True):
            job = self.model[claim.job_id]
            assert asked == [job.requested]
            job.lease_until = self.clock.now + LEASE

    def start(self, claim: Claim) -> None:
        if self.write(claim, lambda session: recording.record_start(session, claim, FACTS)):
            self.model[claim.job_id].status = "running"

    def measure(self, claim: Claim, epoch: int, step: int, accuracy: float | None) -> None:
        if self.write(claim, lambda session: recording.record_steps(session, claim, [step_metrics(epoch, step)])):
            self.model[claim.job_id].steps[epoch, step] = claim.attempt
        if self.write(claim, lambda session: recording.record_epoch(session, claim, epoch_metrics(epoch, accuracy))):
            self.model[claim.job_id].record_epoch(epoch, accuracy)

    def publish(self, claim: Claim, epoch: int, step: int) -> None:
        checkpoint = checkpoint_of(claim, epoch, step)
        if self.write(claim, lambda session: recording.record_checkpoint(session, claim, checkpoint)):
            self.model[claim.job_id].record_checkpoint(epoch, step)

    @with_an_attempt
    @rule(pick=picks, kind=ends, epoch=numbers, step=numbers)
    def settle(self, pick: Pick, kind: str, epoch: int, step: int) -> None:
        claim, now = self.attempt_of(pick), self.clock.now
        job, weights = self.model[claim.job_id], weights_of(claim)

        def succeed(session: Session) -> None:
            recording.record_start(session, claim, FACTS)
            lifecycle.settle_success(session, claim, weights)

        match kind:
            case "success" if self.write(claim, succeed):
                job.settle("succeeded", "succeeded", now, weights.name)
            case "failure" if self.write(claim, lambda session: lifecycle.settle_failure(session, claim, BROKEN)):
                job.settle("failed", BROKEN.code, now, error=BROKEN.code)
            case "timeout" if self.write(
                claim, lambda session: lifecycle.settle_timeout(session, claim, weights, epoch, step)
            ):
                job.settle("failed", "timeout", now, weights.name, error="timeout")
                job.forget_after(epoch, step)
            case "stop" if self.write(
                claim, lambda session: lifecycle.settle_stop(session, claim, weights, epoch, step)
            ):
                job.settle("stopped", "stopped", now, weights.name)
                job.forget_after(epoch, step)
            case "drain" | "loss":
                self.give_back(claim, lost=kind == "loss")

    def give_back(self, claim: Claim, *, lost: bool) -> None:
        queued = list[bool]()

        def settle(session: Session) -> None:
            queued.append(
                lifecycle.lose_attempt(session, claim, LOST) if lost else lifecycle.release_job(session, claim)
            )

        if self.write(claim, settle, even_if_cancelled=True):
            reason = LOST.code if lost else "drained"
            assert queued == [self.model[claim.job_id].give_back(reason, self.clock.now, lost=lost)]

    @with_a_job
    @rule(pick=picks, verb=verbs)
    def ask(self, pick: Pick, verb: str) -> None:
        job = self.job_of(pick)
        expected = job.ask(verb, self.clock.now)
        refusal: type[JobError] | None = None
        try:
            with self.database.session() as session:
                VERBS[verb](session, job.id)
        except JobError as error:
            refusal = type(error)
        assert refusal is expected

    @rule(seconds=st.sampled_from([1, 4, 6, 31, 61]), then_sweep=st.booleans())
    def wait(self, seconds: int, then_sweep: bool) -> None:
        self.clock.now += 1000 * seconds
        if then_sweep:
            reconciler.sweep(self.database)
            for job in self.model.values():
                job.sweep(self.clock.now)

    @with_a_job
    @rule(pick=picks)
    def expire_by_a_sweep_that_looked_a_while_ago(self, pick: Pick) -> None:
        job = self.job_of(pick)
        is_due = job.lease_until is not None and job.lease_until < self.clock.now
        with self.database.session() as session:
            queued = lifecycle.expire_lease(session, job.id)
        assert queued == (is_due and job.give_back("worker_lost", self.clock.now, lost=True))

    @invariant()
    def what_holds_at_any_time(self) -> None:
        with self.database.snapshot() as session:
            self.one_attempt_at_most_has_a_job(session)
            self.what_has_ended_stays_as_it_is(session)
            assert stored_rows(session) == rows_of(self.model.values())

    def one_attempt_at_most_has_a_job(self, session: Session) -> None:
        having = list[str]()
        for claim in self.handed_out:
            with suppress(AttemptFenced):
                lifecycle.requested(session, claim)
                having.append(claim.job_id)
        assert len(having) == len(set(having))

    def what_has_ended_stays_as_it_is(self, session: Session) -> None:
        now = {row.id: row.status for row in session.execute(select(Job.id, Job.status))}
        assert {job_id: now[job_id] for job_id in self.ended} == self.ended
        self.ended = {job_id: status for job_id, status in now.items() if status in ENDS}
