"""The judge finds each fence that is missing: the same moves of two workers and a sweep, with it and without it."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

import pytest
from sqlalchemy import update

from jobs import fence, lifecycle, recording, requests, workers
from jobs.errors import AttemptFenced, JobError
from jobs.fence import Claim
from jobs.submission import Submission
from models import Database, Job
from models.columns import DatabaseNow
from tests.chaos import history, write_rules
from tests.chaos.history import Write
from tests.chaos.without import FENCES
from tests.conftest import Databases
from tests.jobs.conftest import LOST, checkpoint_of, epoch_metrics, spec, step_metrics, weights_of
from tests.stage import FACTS

SEED = 4
MOVES, MOVES_AT_A_TIME = 600, 60
RULES = (
    write_rules.stale_writes,
    write_rules.stale_attempts,
    write_rules.taken_back,
    write_rules.after_cancel,
    write_rules.claims,
    write_rules.moves,
    write_rules.idle_leases,
    write_rules.two_holders,
)


class Stage:
    """Two workers, of which each thinks that it still has every job it ever had, and an API that sweeps."""

    def __init__(self, url: str, drawn: random.Random, open_doors: ExitStack) -> None:
        self._drawn = drawn
        self._claims: list[tuple[Claim, Database]] = []
        self._workers = [self._door(url, name, open_doors) for name in ("first", "second")]
        self.api = self._door(url, "api", open_doors)
        history.install(self.api)
        with self.api.session() as session:
            for name in ("first", "second"):
                workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")
            asked = spec(epochs=50, checkpoints={"keep": 2, "keep_best": False})
            self._jobs = [lifecycle.submit(session, Submission(asked, max_retries=100)).id for _ in range(8)]

    def _door(self, url: str, name: str, open_doors: ExitStack) -> Database:
        database = Database(f"{url}&application_name={name}")
        open_doors.callback(database.dispose)
        return database

    def move(self) -> None:
        """One of them does something; what it may not do is refused."""
        moves = (self._claim, self._report, self._report, self._report, self._end, self._expire, self._sweep, self._ask)
        # An assertion is of ours, that a fence has let through what no transition allows.
        with suppress(AttemptFenced, JobError, AssertionError):
            self._drawn.choice(moves)()

    def _claim(self) -> None:
        place = self._drawn.randrange(2)
        with self._workers[place].session() as session:
            claim = lifecycle.claim(session, self._drawn.choice(self._jobs), ("first", "second")[place], 30)
            if claim:
                recording.record_start(session, claim, FACTS)
                self._claims.append((claim, self._workers[place]))

    def _report(self) -> None:
        claim, database = self._drawn.choice(self._claims[-12:] or [self._none()])
        epoch = self._drawn.randrange(5)
        with database.session() as session:
            match self._drawn.randrange(4):
                case 0:
                    recording.record_epoch(session, claim, epoch_metrics(epoch))
                case 1:
                    recording.record_steps(session, claim, [step_metrics(epoch, self._drawn.randrange(5))])
                case 2:
                    recording.record_checkpoint(session, claim, checkpoint_of(claim, epoch))
                case _:
                    lifecycle.heartbeat(session, claim, 30)

    def _end(self) -> None:
        claim, database = self._drawn.choice(self._claims[-6:] or [self._none()])
        with database.session() as session:
            match self._drawn.randrange(6):
                case 0:
                    lifecycle.settle_success(session, claim, weights_of(claim))
                case 1:
                    lifecycle.release_job(session, claim)
                case _:
                    lifecycle.lose_attempt(session, claim, LOST)

    def _expire(self) -> None:
        """Its worker stands still until the lease has run out."""
        chosen = update(Job).where(Job.id == self._drawn.choice(self._jobs), Job.lease_until.is_not(None))
        with self.api.session() as session:
            session.execute(chosen.values(lease_until=DatabaseNow(-1)))

    def _sweep(self) -> None:
        """After every wait is over."""
        with self.api.session() as session:
            session.execute(update(Job).where(Job.not_before.is_not(None)).values(not_before=None))
        for job_id in self._jobs:
            with self.api.session() as session:
                lifecycle.expire_lease(session, job_id)

    def _ask(self) -> None:
        verbs = (requests.request_cancel, requests.request_pause, requests.resume, requests.resume)
        verb = self._drawn.choices(verbs, weights=(1, 3, 3, 3))[0]
        with self.api.session() as session:
            verb(session, self._drawn.choice(self._jobs))

    def _none(self) -> tuple[Claim, Database]:
        raise JobError


@pytest.fixture
def url(postgresql_databases: Databases) -> Iterator[str]:
    """On PostgreSQL, whose history knows who wrote."""
    with postgresql_databases(migrated=True) as url:
        yield url


def violations(url: str) -> Sequence[str]:
    """Of as many moves as it takes until there is one, MOVES at most."""
    with ExitStack() as open_doors:
        stage = Stage(url, random.Random(SEED), open_doors)
        for _ in range(0, MOVES, MOVES_AT_A_TIME):
            for _ in range(MOVES_AT_A_TIME):
                stage.move()
            with stage.api.snapshot() as session:
                writes: list[Write] = history.read(session)
            if found := [each for rule in RULES for each in rule(writes)]:
                return found
    assert len(writes) > MOVES / 10
    return []


def test_with_every_fence_nothing_is_violated(url: str) -> None:
    assert not violations(url)


@pytest.mark.parametrize("missing", sorted(FENCES))
def test_without_any_one_of_them_something_is(url: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, missing, getattr(fence, missing))  # put back afterwards
    FENCES[missing]()
    assert violations(url)
