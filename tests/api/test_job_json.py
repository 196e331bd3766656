"""What is remembered of jobs is what they are."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi.testclient import TestClient

from api.views import job_json, translate
from api.views.job_json import JobJsonCache
from jobs import changes, lifecycle, queries, recording, requests
from models import DEFAULT_PROJECT
from training.metrics import RunFacts

if TYPE_CHECKING:
    from jobs.fence import Claim
    from tests.stage import Stage

Step = tuple[str, Callable[[], object]]


def _life(stage: "Stage", job_id: str) -> Iterator[Step]:
    """All that can happen to a job, in one life."""
    claims: list[Claim] = []

    def claim() -> None:
        claims.append(stage.claim(job_id))

    def load() -> None:
        with stage.database.session() as session:
            recording.record_loading(session, claims[-1], claims[-1].checkpoints[0].file.name)

    def facts() -> None:
        with stage.database.session() as session:
            found = queries.find(session, job_id).job.attempts[-1].facts
            assert found
            recording.record_facts(session, claims[-1], RunFacts.model_validate({**found, "precision": "bf16"}))

    def unusable() -> None:
        with stage.database.session() as session:
            recording.record_unusable(session, claims[-1], claims[-1].checkpoints[0].file.name, "it is damaged")

    def change() -> None:
        with stage.database.session() as session:
            changes.change(session, job_id, {"name": "another", "tags": ["new"], "priority": 9})

    def resume() -> None:
        with stage.database.session() as session:
            requests.resume(session, job_id)

    def heartbeat() -> None:
        with stage.database.session() as session:
            lifecycle.heartbeat(session, claims[-1], 60)

    yield "change", change
    yield "claim", claim
    yield "begin", lambda: stage.begin(claims[-1])
    yield "facts", facts
    yield "steps", lambda: stage.steps(claims[-1], 0, {0: 1.0, 9: 0.5})
    yield "epoch", lambda: stage.epoch(claims[-1], 0)
    yield "checkpoint", lambda: stage.checkpoint(claims[-1], 1, 0)
    yield "heartbeat", heartbeat
    yield "lose", lambda: stage.lose(claims[-1])
    yield "claim again", claim
    yield "load", load
    yield "unusable", unusable
    yield "begin again", lambda: stage.begin(claims[-1])
    yield "pause", lambda: stage.pause(job_id)
    yield "let go", lambda: stage.release_job(claims[-1])
    yield "resume", resume
    yield "claim for the third time", claim
    yield "begin for the third time", lambda: stage.begin(claims[-1])
    yield "train again", lambda: stage.epoch(claims[-1], 0, test_accuracy=0.75)
    yield "succeed", lambda: stage.succeed(claims[-1])
    yield "change what has ended", change


def test_whatever_happens_is_told(stage: "Stage") -> None:
    job_id = stage.submit()
    remembering, told = JobJsonCache(), list[str]()
    for what, happen in _life(stage, job_id):
        happen()
        with stage.database.snapshot(DEFAULT_PROJECT) as session:
            state = queries.state_of(session, job_id)
            (text,) = remembering.of(session, [state])
            assert (text,) == tuple(JobJsonCache().of(session, [state])), what
            assert json.loads(text) == translate.job(queries.find(session, job_id)).model_dump(mode="json"), what
        told.append(text)
    assert len(set(told)) == len(told) - 2  # a heartbeat changes nothing; nor does what is changed to what it is


def test_a_list_and_a_job_say_the_same(client: TestClient, stage: "Stage") -> None:
    done, running, waiting = (stage.submit(name=name) for name in ('{"queue":null}', "b", "c"))
    claim = stage.start(done)
    stage.epoch(claim, 0)
    stage.succeed(claim)
    stage.start(running)
    for _ in range(2):  # made, and remembered
        listed = {job["id"]: job for job in client.get("/v1/jobs").json()["data"]}
        assert list(listed) == [waiting, running, done]
        for job_id, job in listed.items():
            assert client.get(f"/v1/jobs/{job_id}").json() == job
    assert listed[waiting]["queue"]["position"] == 1
    assert listed[done]["queue"] is None


def test_a_place_in_the_queue_is_of_now(client: TestClient, stage: "Stage") -> None:
    first, second = stage.submit(), stage.submit()
    tag = client.get(f"/v1/jobs/{second}").headers["ETag"]
    assert client.get(f"/v1/jobs/{second}").json()["queue"]["position"] == 2
    stage.start(first)
    answer = client.get(f"/v1/jobs/{second}", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["queue"]["position"]) == (200, 1)
    assert [job["queue"] and job["queue"]["position"] for job in client.get("/v1/jobs").json()["data"]] == [1, None]


def test_the_answer_to_a_submission_is_what_is_there(client: TestClient) -> None:
    made = client.post("/v1/jobs", json={"tags": ["a"], "spec": {"dataset": "digits"}})
    assert client.get(made.headers["Location"]).json() == made.json()


def test_a_job_of_very_many_attempts_is_not_remembered(stage: "Stage") -> None:
    job_id, texts = stage.submit(), JobJsonCache()
    for _ in range(20):
        claim = stage.start(job_id)
        stage.epoch(claim, 0)
        stage.release_job(claim)
    with stage.database.snapshot() as session:
        (text,) = texts.of(session, [queries.state_of(session, job_id)])
    assert len(text) > job_json.LARGEST_CACHED
    assert not texts._cache._entries
