"""Each event once, in whatever order transactions commit."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import event

from jobs import event_feed
from jobs.event_feed import ChangedJobs, EventFeed, FeedEvent, is_in_order
from jobs.fence import for_update
from jobs.transitions import add_event
from models import DEFAULT_PROJECT, Database, Job, ProjectSession
from tests.stage import Stage

PROJECTS = frozenset({DEFAULT_PROJECT})


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database, None)  # type: ignore[arg-type]  # it stores no file here


def told(database: Database, feed: EventFeed) -> list[tuple[str, str]]:
    return [(each.record.event.job_id, each.record.event.message) for each in read(database, feed)]


def read(database: Database, feed: EventFeed) -> list[FeedEvent]:
    with database.autocommit_read() as session:
        return feed.read(session, PROJECTS)


def started(database: Database) -> EventFeed:
    feed = EventFeed()
    read(database, feed)
    assert feed.is_started
    return feed


def say(session: ProjectSession, job_id: str, message: str) -> None:
    job = session.scalar(for_update(job_id))
    assert job
    add_event(session, job, "note", message)
    session.flush()


@contextmanager
def two_sessions(database: Database) -> Iterator[tuple[ExitStack, ProjectSession, ProjectSession]]:
    """The first one commits when its stack is closed."""
    with ExitStack() as first, database.session() as other:
        yield first, first.enter_context(database.session()), other


def test_from_now_on(database: Database, stage: Stage) -> None:
    job_id = stage.submit()
    feed = started(database)
    assert told(database, feed) == []
    with database.session() as session:
        say(session, job_id, "one")
        say(session, job_id, "two")
    assert told(database, feed) == [(job_id, "one"), (job_id, "two")]
    assert told(database, feed) == []


def test_what_commits_later_with_a_lower_id(database: Database, stage: Stage) -> None:
    with database.snapshot() as session:
        if is_in_order(session):
            return  # one writer at a time: the test below holds that
    early, late = stage.submit(), stage.submit()
    feed = started(database)
    with two_sessions(database) as (first, session, other):
        say(session, early, "early")
        say(other, late, "late")
        other.commit()
        assert told(database, feed) == [(late, "late")]
        ahead = feed.unseen
        assert len(ahead.gaps) == 1
        assert told(database, feed) == []
        first.close()
    assert told(database, feed) == [(early, "early")]
    assert feed.unseen.gaps == ()
    # Whoever was told `late` alone is told `early` when it comes back, and whoever was told both is told nothing.
    with database.autocommit_read(DEFAULT_PROJECT) as session:
        (record,) = event_feed.missed(session, ahead, feed.unseen, 0)
        assert record.event.message == "early"
        assert event_feed.missed(session, feed.unseen, feed.unseen, 0) == []
        # One whose process has not seen `early` yet is told it later, and not now.
        assert event_feed.missed(session, ahead, ahead, 0) == []


@pytest.mark.parametrize("begun_between", [True, False], ids=["while-it-follows", "at-its-start"])
def test_what_commits_later_with_a_lower_id_though_it_began_later(
    database: Database, stage: Stage, begun_between: bool
) -> None:
    """PostgreSQL's snapshots know transactions up to the last one that has ended: who began after that and still runs
    is in none of their bounds."""
    with database.snapshot() as session:
        if is_in_order(session):
            return
    early, late = stage.submit(), stage.submit()
    feed = started(database) if begun_between else EventFeed()
    with two_sessions(database) as (first, session, other):
        other.scalar(for_update(late))  # takes the lower number of a transaction
        say(session, early, "early")
        say(other, late, "late")
        other.commit()
        seen = [each for _ in range(3) for each in told(database, feed)]
        assert feed.is_started is begun_between
        first.close()
    seen += [each for _ in range(2) for each in told(database, feed)]
    if begun_between:
        assert seen == [(late, "late"), (early, "early")]
    else:
        assert seen == []
        with database.session() as session:  # the feed began when both had ended
            say(session, early, "after")
        assert told(database, feed) == [(early, "after")]
    assert feed.unseen.gaps == ()


def test_what_was_rolled_back_is_not_waited_for(database: Database, stage: Stage) -> None:
    job_id, other = stage.submit(), stage.submit()
    feed = started(database)
    for _ in range(3):
        with database.session() as session:
            say(session, job_id, "never")
            session.rollback()
    with database.session() as session:
        say(session, other, "after")
    assert told(database, feed) == [(other, "after")]
    assert told(database, feed) == []
    assert feed.unseen.gaps == ()


def test_a_feed_waits_at_its_start_for_what_is_under_way(
    database: Database, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.snapshot() as session:
        if is_in_order(session):
            return
    job_id, other = stage.submit(), stage.submit()
    with two_sessions(database) as (first, session, second):
        say(session, job_id, "under way")
        say(second, other, "later")
        second.commit()
        feed, hasty = EventFeed(), EventFeed()
        for _ in range(2):
            assert told(database, feed) == []
        assert not feed.is_started
        monkeypatch.setattr(event_feed, "START_SECONDS", 0.0)
        read(database, hasty)
        assert hasty.is_started
        assert told(database, hasty) == []
        first.close()
    assert told(database, hasty) == [(job_id, "under way")]
    assert hasty.unseen.gaps == ()


def test_more_than_a_batch(database: Database, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "BATCH_SIZE", 3)
    job_id = stage.submit()
    feed = started(database)
    with database.session() as session:
        for number in range(8):
            say(session, job_id, str(number))
    seen = [message for _ in range(4) for _, message in told(database, feed)]
    assert seen == [str(number) for number in range(8)]


def test_other_projects_are_not_told(database: Database, stage: Stage) -> None:
    from access import projects

    with database.session() as session:
        projects.make(session, "other", {})
    feed = started(database)
    stage.submit(project="other")
    mine = stage.submit()
    assert {job_id for job_id, _ in told(database, feed)} == {mine}


def test_jobs_that_change(database: Database, stage: Stage) -> None:
    jobs = [stage.submit() for _ in range(3)]
    looking = ChangedJobs()

    def look() -> list[str]:
        with database.autocommit_read() as session:
            return looking.look(session, PROJECTS)

    assert look() == []
    with database.session() as session:
        session.get_one(Job, jobs[1]).revision += 1
    assert look() == [jobs[1]]
    assert look() == []
    claim = stage.start(jobs[0])
    stage.fail(claim)
    assert look() == [jobs[0]]  # it has ended
    new = stage.submit()
    assert look() == [new]
    assert look() == []


def test_an_idle_look_is_one_query(database: Database, stage: Stage) -> None:
    for _ in range(20):
        stage.submit()
    feed = started(database)
    statements: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    for _ in range(5):
        assert told(database, feed) == []
    assert len(statements) == 5
