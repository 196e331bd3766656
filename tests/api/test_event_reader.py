"""What is read for the stream of all jobs, and what a position of it is."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import httpx2
import pytest

from api.reading import all_events
from api.service import event_reader
from api.service.cursors import Cursors
from api.service.event_hub import Listener
from jobs import changes, event_feed
from jobs.unseen_events import Unseen
from models import DEFAULT_PROJECT, DatabaseUnavailable, Job
from tests.api.test_event_stream import listening

if TYPE_CHECKING:
    from tests.stage import Stage


def _told_by(reader: event_reader.EventReader, stage: "Stage") -> list[tuple[str, str]]:
    with stage.database.autocommit_read() as session:
        news = reader.read(session, [DEFAULT_PROJECT])
    texts = [sent.body.decode().splitlines()[:2] for sent in news.messages[DEFAULT_PROJECT]]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))["job_id"]) for kind, data in texts]


def test_what_a_look_that_failed_has_found_the_next_one_tells(
    live: httpx2.Client, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deletions, and changes of jobs that have ended, are seen once."""
    reader = event_reader.EventReader()
    gone, over, waiting = stage.start(stage.submit()), stage.start(stage.submit()), stage.submit()
    stage.fail(gone)
    stage.fail(over)
    monkeypatch.setattr(event_reader, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(event_reader, "MAX_LOOKING_SHARE", 1e9)
    assert _told_by(reader, stage) == []
    for job_id in (over.job_id, waiting):
        job = live.patch(f"/v1/jobs/{job_id}", json={"name": "renamed"})
        assert job.status_code == 200
        with stage.database.snapshot() as session:
            reader.note(job_id, session.get_one(Job, job_id).revision)
    assert live.delete(f"/v1/jobs/{gone.job_id}").status_code == 204
    for place in ("_ids_of", "_whole"):
        with monkeypatch.context() as broken, pytest.raises(DatabaseUnavailable):
            broken.setattr(event_feed, place, _no_answer)
            _told_by(reader, stage)
    with monkeypatch.context() as broken, pytest.raises(DatabaseUnavailable):
        broken.setattr(event_reader, "progress_of", _no_answer)
        _told_by(reader, stage)
    assert sorted(_told_by(reader, stage)) == sorted(
        [("deleted", gone.job_id), ("progress", over.job_id), ("progress", waiting)]
    )
    assert _told_by(reader, stage) == []


def _no_answer(*_: object) -> None:
    raise DatabaseUnavailable("for a moment")


def test_changes_of_very_many_jobs_are_told_by_and_by(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once they would be more parameters than a query may have: nobody would be told anything any more."""
    assert event_reader.MOST_TOLD < 30_000
    monkeypatch.setattr(event_reader, "MOST_TOLD", 3)
    reader = event_reader.EventReader()
    assert _told_by(reader, stage) == []
    jobs = [stage.submit() for _ in range(8)]
    monkeypatch.setattr(event_reader, "LOOK_SECONDS", 5.0)
    reader._look_due = 0.0
    told = [[each for each in _told_by(reader, stage) if each[0] == "progress"] for _ in range(4)]
    assert [len(each) for each in told] == [3, 3, 2, 0]
    assert {job_id for each in told for _, job_id in each} == set(jobs)


def test_a_deletion_is_looked_for_before_its_row_is_purged(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a look through very many jobs takes."""
    monkeypatch.setattr(event_reader, "MAX_LOOKING_SHARE", 1e-9)
    reader = event_reader.EventReader()
    _told_by(reader, stage)
    assert reader._look_due - time.monotonic() < changes.HIDDEN_SECONDS * 0.6


def test_what_has_come_together_is_sent_together() -> None:
    """A hundred streams that each send a thousand messages one by one keep the process from all else for seconds."""

    async def pieces() -> list[bytes]:
        listener = Listener("p", None)
        for number in range(1, 251):
            listener.put(event_reader.Sent(b"id: %d\n" % number, b"", number, Unseen(number)))
        listener.put("closed")
        opened = all_events._Opened(Cursors("d", "p"), None, None)
        return [piece async for piece in all_events._live(listener, opened, Unseen(0))]

    found = asyncio.run(pieces())
    assert len(found) == 3
    assert b"".join(found) == b"".join(b"id: %d\n" % number for number in range(1, 251))


def test_a_position_that_another_release_has_written_is_none(live: httpx2.Client, stage: "Stage") -> None:
    with stage.database.snapshot() as session:
        cursors = Cursors(event_reader.deployment_of(session), DEFAULT_PROJECT)
    content = (5).to_bytes(8, "big") + b"\1\0" * 200  # more than this one reads
    sealed = cursors._code(content) + cursors._hidden(cursors._code(content), content)
    with listening(live, after=urlsafe_b64encode(sealed).decode().rstrip("=")) as messages:
        assert next(messages).data == {"reason": "unknown_position"}
