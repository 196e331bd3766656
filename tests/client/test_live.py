"""The SDK and the real service: following jobs, dry runs, comparisons, keys, projects and webhooks."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import TYPE_CHECKING

import httpx2
import pytest
from fastapi import FastAPI

from api.app import create_app
from epochal import (
    AuthenticationError,
    ConflictError,
    Epochal,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableEntityError,
)
from epochal.types import TrainingSpec
from settings import Settings
from tests.api.conftest import serving

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage


@pytest.fixture
def running(app: FastAPI) -> Iterator[Epochal]:
    with serving(app) as url, Epochal(url) as epochal:
        yield epochal


def test_the_real_stream_of_a_job(running: Epochal, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_loss=math.inf)
    with ThreadPoolExecutor(2) as pool:
        told = pool.submit(lambda: list(running.jobs.stream(job_id)))
        ended = pool.submit(running.jobs.wait, job_id)
        for epoch in range(1, 4):
            stage.epoch(claim, epoch)
        stage.succeed(claim)
        events = told.result(60)
        assert ended.result(60).status == "succeeded"
    kinds = ["queued", "starting", "running", *["epoch"] * 4, "succeeded"]
    assert [event.type for event in events] == kinds
    assert [event.metrics.epoch for event in events if event.metrics] == [0, 1, 2, 3]
    assert list(running.jobs.events(job_id)) == events
    assert list(running.jobs.stream(job_id, after=events[-2].id)) == events[-1:]
    assert list(running.jobs.stream(job_id, after=events[-1].id)) == []


def test_a_change_is_seen_at_once_and_not_after_the_wait(running: Epochal, stage: "Stage") -> None:
    job_id = stage.submit()
    looks = running.jobs.poll(job_id, wait=50)
    assert next(looks).status == "queued"
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(lambda: next(job for job in looks if job.status != "queued"))
        claim = stage.start(job_id)
        assert coming.result(60).status in ("starting", "running")
    stage.succeed(claim)
    assert [job.status for job in looks][-1] == "succeeded"


class Elsewhere(httpx2.BaseTransport):
    """A service that is sometimes at one address, sometimes at another, and sometimes nowhere."""

    def __init__(self) -> None:
        self.url: httpx2.URL | None = None
        self.was_missed = Signal()
        self._network = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.url is None:
            self.was_missed.set()
            raise httpx2.ConnectError("refused")
        request.url = request.url.copy_with(host=self.url.host, port=self.url.port)
        request.headers["Host"] = f"{self.url.host}:{self.url.port}"
        return self._network.handle_request(request)


def test_a_service_that_is_started_again_goes_on_where_it_was(settings: Settings, stage: "Stage") -> None:
    job_id, place = stage.submit(epochs=6), Elsewhere()
    claim, first = stage.start(job_id), Signal()
    epochs: list[int] = []

    def follow() -> None:
        for event in Epochal("http://epochal.test", transport=place).jobs.stream(job_id):
            if event.epoch is not None:
                epochs.append(event.epoch)
                first.set()

    with ThreadPoolExecutor(1) as pool:
        with serving(create_app(settings)) as url:
            place.url = httpx2.URL(url)
            followed = pool.submit(follow)
            stage.epoch(claim, 0)
            assert first.wait(60)
            place.url = None
        stage.epoch(claim, 1)
        assert place.was_missed.wait(60)
        with serving(create_app(settings)) as url:
            place.url = httpx2.URL(url)
            for epoch in range(2, 6):
                stage.epoch(claim, epoch)
            stage.succeed(claim)
            followed.result(60)
    assert epochs == [0, 1, 2, 3, 4, 5]


def test_a_dry_run_tells_and_stores_nothing(running: Epochal, stage: "Stage") -> None:
    stage.sign_on()
    spec: TrainingSpec = {"dataset": "digits", "architecture": "resnet20", "epochs": 3}
    told = running.jobs.dry_run(spec, name="first", tags=["lab"], priority=9)
    assert (told.name, told.tags, told.priority, told.spec["epochs"]) == ("first", ("lab",), 9, 3)
    assert told.data
    assert told.memory
    assert (told.data.classes, told.conflicts, [each.device for each in told.devices]) == (10, (), ["cpu"])
    assert told.memory.total.low <= told.memory.parts.total <= told.memory.total.high
    assert told.queue.position == 1
    assert stage.jobs() == 0
    wrong: TrainingSpec = {"dataset": "digits", "epochs": 0}
    with pytest.raises(UnprocessableEntityError) as caught:
        running.jobs.dry_run(wrong)
    assert caught.value.pointer == "#/spec/epochs"
    assert caught.value.request_id


def test_jobs_side_by_side(running: Epochal, stage: "Stage") -> None:
    first, second = stage.submit(batch_size=64), stage.submit(batch_size=128)
    for job_id, epochs in ((first, 1), (second, 2)):
        claim = stage.start(job_id)
        for epoch in range(epochs):
            stage.epoch(claim, epoch, test_accuracy=0.5)
    found = running.compare([first, second], max_points=100)
    assert (found.epochs, [job.id for job in found.jobs]) == ((0, 1), [first, second])
    assert [job.curves.test_accuracy for job in found.jobs] == [(0.5, None), (0.5, 0.5)]
    assert {each.pointer: each.values for each in found.differences} == {"/batch_size": {first: 64, second: 128}}


def test_jobs_are_labelled_found_and_deleted(running: Epochal, stage: "Stage") -> None:
    first, second, third = (stage.submit(tags=["lab"]) for _ in range(3))
    assert running.jobs.update(first, name="b", description="The first.").description == "The first."
    running.jobs.update(second, name="a", tags=["lab", "report"])
    assert [job.id for job in running.jobs.list(tags=["lab"], sort="name", limit=1)] == [second, first]
    assert [job.id for job in running.jobs.list(status="queued", tags=["lab", "report"], dataset="digits")] == [second]
    just_now = datetime.now(UTC) - timedelta(minutes=5)
    assert [job.id for job in running.jobs.list(created_after=just_now)] == [third, second, first]
    assert list(running.jobs.list(created_before=just_now)) == []
    with pytest.raises(ConflictError, match="job_not_finished"):
        running.jobs.delete(third)
    running.jobs.cancel(third)
    running.jobs.delete(third)
    with pytest.raises(NotFoundError, match="job_not_found"):
        running.jobs.retrieve(third)


@pytest.fixture
def guarded_url(settings: Settings, tenants: "Tenants") -> Iterator[str]:
    """Of a service that asks for keys."""
    with serving(create_app(settings.model_copy(update={"require_keys": True}))) as url:
        yield url


def test_keys_are_made_shown_once_and_revoked(guarded_url: str, tenants: "Tenants") -> None:
    with Epochal(guarded_url, tenants.keys["first"]["admin"]) as administrator:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        made = administrator.keys.create("notebook", ["read"], expires_at=tomorrow)
        assert (made.project, made.scopes, made.expires_at) == ("first", ("read",), tomorrow)
        assert made.key not in repr(made)
        listed = list(administrator.keys.list())
        assert (listed[0].id, {key.project for key in listed}) == (made.id, {"first"})
        with Epochal(guarded_url, made.key) as reader:
            assert list(reader.jobs.list()) == []
            with pytest.raises(PermissionDeniedError, match="scope_missing"):
                reader.jobs.create({"dataset": "digits"})
            assert administrator.keys.delete(made.id).revoked_at
            with pytest.raises(AuthenticationError, match="key_invalid"):
                list(reader.jobs.list())
        assert administrator.keys.retrieve(made.id).revoked_at
    with Epochal(guarded_url) as nobody, pytest.raises(AuthenticationError, match="key_missing"):
        list(nobody.workers.list())


def test_projects_and_their_quotas(guarded_url: str, tenants: "Tenants") -> None:
    with Epochal(guarded_url, tenants.operator) as operator:
        made = operator.projects.create("course", max_queued_jobs=0, max_device_hours=1.5)
        assert (made.max_queued_jobs, made.max_running_jobs, made.usage.queued_jobs) == (0, None, 0)
        assert [project.id for project in operator.projects.list()] == ["course", "default", "first", "second"]
        key = operator.keys.create("student", ["train"], project="course").key
        with Epochal(guarded_url, key) as student:
            with pytest.raises(PermissionDeniedError, match="quota_exceeded"):
                student.jobs.create({"dataset": "digits"})
            assert operator.projects.update("course", max_queued_jobs=None).max_queued_jobs is None
            assert student.jobs.create({"dataset": "digits"}).project == "course"
            assert student.projects.retrieve("course").usage.queued_jobs == 1
            with pytest.raises(PermissionDeniedError, match="operator_only"):
                student.projects.create("other")


def test_the_stream_ends_with_the_key(
    guarded_url: str, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.polling.CHECK_KEYS_SECONDS", 0.1)
    job_id = stage.submit(project="first")
    with Epochal(guarded_url, tenants.keys["first"]["admin"]) as administrator:
        made = administrator.keys.create("watcher", ["read"])
        with Epochal(guarded_url, made.key) as watcher:
            events = watcher.jobs.stream(job_id)
            assert next(events).type == "queued"
            administrator.keys.delete(made.id)
            with pytest.raises(AuthenticationError, match="key_invalid"):
                next(events)


def test_webhooks(running: Epochal) -> None:
    made = running.webhooks.create("https://example.com/epochal", ["job.succeeded"], description="the lab's chat")
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert [webhook.id for webhook in running.webhooks.list()] == [made.id]
    assert running.webhooks.rotate_secret(made.id).secret != made.secret
    sent = running.webhooks.ping(made.id)
    assert (sent.type, sent.status) == ("webhook.ping", "pending")
    assert running.webhooks.redeliver(made.id, sent.id).id == sent.id
    assert [delivery.id for delivery in running.webhooks.deliveries(made.id)] == [sent.id]
    assert running.webhooks.update(made.id, enabled=False, description=None).description is None
    assert not running.webhooks.retrieve(made.id).enabled
    running.webhooks.delete(made.id)
    assert list(running.webhooks.list()) == []
