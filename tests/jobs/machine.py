"""A job's life in random order, by workers that have it and by those that no longer do, against `tests.jobs.model`."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs import lifecycle, placement, reconciler, records, requests, workers
from jobs.errors import AttemptFenced, JobError
from jobs.fence import Claim
from models import Base, Database, Job
from tests.jobs.conftest import BROKEN, FACTS, LOST, checkpoint_of, epoch_metrics, spec, step_metrics, weights_of
from tests.jobs.model import ENDS, LEASE, ModelJob
from tests.jobs.rows import START, rows_of, stored_rows

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

# Whether a job that has not ended, or an attempt that has its job, where there is one; and which.
Pick: TypeAlias = tuple[bool, int]
picks = st.tuples(st.sampled_from([True, True, True, False]), numbers)
verbs = st.sampled_from(["cancel", "stop", "pause", "pause", "resume", "resume"])
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
            for name in ("first", "second"):
                workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")

    def job_of(self, pick: Pick) -> ModelJob:
        is_unfinished, number = pick
        unfinished = [job for job in self.model.values() if job.status not in ENDS]
        among = unfinished if is_unfinished and unfinished else list(self.model.values())
        return among[number % len(among)]

    def attempt_of(self, pick: Pick) -> Claim:
        has_its_job, number = pick
        having = [
            claim for claim in self.handed_out if self.model[claim.job_id].is_held_by(claim, even_if_cancelled=True)
        ]
        among = having if has_its_job and having else self.handed_out
        return among[number % len(among)]

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
            job_id = lifecycle.submit(session, asked, priority=priority, max_retries=max_retries).id
        time = limit and limit * MINUTE
        self.model[job_id] = ModelJob(job_id, priority, max_retries, keep, keep_best, time)

    def take(self, job_id: str, worker: str) -> None:
        job, before = self.model[job_id], self.model[job_id].attempt
        expected = job.status == "queued" and job.begin(worker, self.clock.now)
        with self.database.session() as session:
            claim = lifecycle.claim(session, job_id, worker, LEASE / 1000)
        assert (claim is not None) == expected
        if claim is None:
            return
        assert claim.attempt == before + 1
        assert claim.finish_at_once == (job.requested == "stop")
        furthest = sorted(job.checkpoints, reverse=True)
        assert [(each.epoch, each.step) for each in claim.checkpoints] == [place[:2] for place in furthest]
        self.handed_out.append(claim)

    @rule(worker=workers_)
    def take_the_next(self, worker: str) -> None:
        waiting = [job for job in self.model.values() if job.may_begin(self.clock.now)]
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
        if job.status != "queued" or job.may_begin(self.clock.now):
            self.take(job.id, worker)

    @with_an_attempt
    @rule(pick=picks)
    def beat(self, pick: Pick) -> None:
        claim = self.attempt_of(pick)
        asked = list[str | None]()
        if self.write(
            claim,
            lambda session: asked.append(lifecycle.heartbeat(session, claim, LEASE / 1000)),
            even_if_cancelled=True,
        ):
            job = self.model[claim.job_id]
            assert asked == [job.requested]
            job.lease_until = self.clock.now + LEASE

    @with_an_attempt
    @rule(pick=picks)
    def start(self, pick: Pick) -> None:
        claim = self.attempt_of(pick)
        if self.write(claim, lambda session: records.record_start(session, claim, FACTS)):
            self.model[claim.job_id].status = "running"

    @with_an_attempt
    @rule(pick=picks, epoch=numbers, accuracy=accuracies)
    def measure_an_epoch(self, pick: Pick, epoch: int, accuracy: float | None) -> None:
        claim = self.attempt_of(pick)
        if self.write(claim, lambda session: records.record_epoch(session, claim, epoch_metrics(epoch, accuracy))):
            self.model[claim.job_id].record_epoch(epoch, accuracy)

    @with_an_attempt
    @rule(pick=picks, epoch=numbers, step=numbers)
    def measure_a_step(self, pick: Pick, epoch: int, step: int) -> None:
        claim = self.attempt_of(pick)
        if self.write(claim, lambda session: records.record_steps(session, claim, [step_metrics(epoch, step)])):
            self.model[claim.job_id].steps[epoch, step] = claim.attempt

    @with_an_attempt
    @rule(pick=picks, epoch=numbers, step=st.sampled_from([0, 0, 2]))
    def publish(self, pick: Pick, epoch: int, step: int) -> None:
        claim = self.attempt_of(pick)
        checkpoint = checkpoint_of(claim, epoch, step)
        if self.write(claim, lambda session: records.record_checkpoint(session, claim, checkpoint)):
            self.model[claim.job_id].record_checkpoint(epoch, step)

    @with_an_attempt
    @rule(pick=picks, first=numbers, accuracies=st.lists(accuracies, min_size=2, max_size=3))
    def train(self, pick: Pick, first: int, accuracies: list[float | None]) -> None:
        for epoch, accuracy in enumerate(accuracies, first):
            self.measure_a_step(pick, epoch, 0)
            self.measure_an_epoch(pick, epoch, accuracy)
            self.publish(pick, epoch + 1, 0)

    @with_an_attempt
    @rule(pick=picks)
    def succeed(self, pick: Pick) -> None:
        claim = self.attempt_of(pick)

        def settle(session: Session) -> None:
            records.record_start(session, claim, FACTS)
            lifecycle.settle_success(session, claim, weights_of(claim))

        if self.write(claim, settle):
            self.model[claim.job_id].settle("succeeded", "succeeded", self.clock.now, weights_of(claim).name)

    @with_an_attempt
    @rule(pick=picks)
    def fail(self, pick: Pick) -> None:
        claim = self.attempt_of(pick)
        if self.write(claim, lambda session: lifecycle.settle_failure(session, claim, BROKEN)):
            self.model[claim.job_id].settle("failed", BROKEN.code, self.clock.now, error=BROKEN.code)

    @with_an_attempt
    @rule(pick=picks, epoch=numbers, step=numbers)
    def stop(self, pick: Pick, epoch: int, step: int) -> None:
        claim = self.attempt_of(pick)
        weights = weights_of(claim)
        if self.write(claim, lambda session: lifecycle.settle_stop(session, claim, weights, epoch, step)):
            self.model[claim.job_id].settle("stopped", "stopped", self.clock.now, weights.name)
            self.model[claim.job_id].forget_after(epoch, step)

    @with_an_attempt
    @rule(pick=picks, lost=st.booleans())
    def give_back(self, pick: Pick, lost: bool) -> None:
        claim = self.attempt_of(pick)
        queued = list[bool]()

        def settle(session: Session) -> None:
            queued.append(lifecycle.lose(session, claim, LOST) if lost else lifecycle.let_go(session, claim))

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

    @rule(seconds=st.sampled_from([1, 4, 6, 31, 61]))
    def wait(self, seconds: int) -> None:
        self.clock.now += 1000 * seconds

    @rule()
    def sweep(self) -> None:
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
