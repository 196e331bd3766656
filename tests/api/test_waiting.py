"""Requests that wait for a validation, and hold nothing meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.app import create_app
from api.reading.waiting import Wait
from api.service import tailer
from api.service.fair_limiter import Slot
from catalog.datasets.errors import DatasetNotFound
from jobs import dataset_deletion, dataset_versions
from models import ApiKey, Database
from models.columns import DatabaseNow
from settings import Settings
from tests.api.conftest import Tenants, serving
from tests.api.sending import (
    PETS,
    ZIP,
    accepted,
    head,
    refused,
)
from tests.api.serving import RawClient
from tests.jobs.datasets import settle, take

PATIENCE_SECONDS = 60.0


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Semaphore:
    """Has one more for each look of a request that waits."""
    found, again = Semaphore(0), Wait.again

    async def noted(self: Wait, slot: Slot) -> bool:
        try:
            return await again(self, slot)
        finally:
            found.release()

    monkeypatch.setattr(Wait, "again", noted)
    return found


def test_who_waits_for_the_validation_is_answered_when_it_is_over(
    live: httpx2.Client, database: Database, waited: Semaphore
) -> None:
    accepted(live.put(PETS, content=ZIP))
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(live.get, f"{PETS}/versions/1", headers={"Prefer": "wait=60"})
        assert waited.acquire(timeout=PATIENCE_SECONDS)
        settle(database, take(database), [], "a" * 64)
        answer = asked.result()
    assert (answer.status_code, answer.json()["status"], answer.json()["progress"]) == (200, "ready", None)
    assert answer.headers["preference-applied"] == "wait=60"
    assert live.get(f"{PETS}/versions/1", headers={"Prefer": "wait=60"}).json()["status"] == "ready"  # at once


def test_who_waits_for_what_is_deleted_is_told_that_it_is_gone(
    live: httpx2.Client, database: Database, waited: Semaphore
) -> None:
    accepted(live.put(PETS, content=ZIP))
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(live.get, f"{PETS}/versions/1", headers={"Prefer": "wait=60"})
        assert waited.acquire(timeout=PATIENCE_SECONDS)
        with database.session() as session:
            dataset_deletion.delete(session, "default", "pets")
        refused(asked.result(), 404, "dataset_not_found")
    with database.snapshot() as session, pytest.raises(DatasetNotFound):
        dataset_versions.require(session, "default", "pets")


def test_nobody_looks_for_a_client_that_has_left(app: FastAPI, database: Database, waited: Semaphore) -> None:
    with serving(app) as url, httpx2.Client(base_url=url) as client:
        accepted(client.put(PETS, content=ZIP))
        host, port = url.removeprefix("http://").split(":")
        with RawClient((host, int(port))) as leaving:
            leaving.send(head("GET", f"{PETS}/versions/1", "Prefer: wait=60"))
            assert waited.acquire(timeout=PATIENCE_SECONDS)
        while app.state.tailer._waiting:
            assert waited.acquire(timeout=PATIENCE_SECONDS)


def test_a_key_may_have_so_many_waiting(
    settings: Settings, tenants: Tenants, waited: Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "MAX_WAITING", 1)
    headers = tenants.header("first")
    waiting = {**headers, "Prefer": "wait=60"}
    with (
        serving(create_app(settings.model_copy(update={"require_keys": True}))) as url,
        httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as client,
        RawClient((url.split(":")[1][2:], int(url.rpartition(":")[2]))) as first,
    ):
        accepted(client.put(PETS, content=ZIP, headers=headers))
        key = f"Authorization: {headers['Authorization']}"
        first.send(head("GET", f"{PETS}/versions/1", "Prefer: wait=60", key))
        assert waited.acquire(timeout=PATIENCE_SECONDS)
        refused(client.get(f"{PETS}/versions/1", headers=waiting), 429, "too_many_waiting")
        assert client.get(f"{PETS}/versions/1", headers=headers).status_code == 200


def test_a_key_that_is_revoked_waits_no_longer(
    settings: Settings, tenants: Tenants, database: Database, waited: Semaphore
) -> None:
    headers = tenants.header("first")
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        accepted(client.put(PETS, content=ZIP, headers=headers))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.get, f"{PETS}/versions/1", headers={**headers, "Prefer": "wait=60"})
            assert waited.acquire(timeout=PATIENCE_SECONDS)
            with database.session() as session:
                session.execute(update(ApiKey).where(ApiKey.project == "first").values(revoked_at=DatabaseNow()))
            refused(asked.result(), 401, "key_invalid")
