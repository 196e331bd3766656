"""Keys, scopes and projects: whoever has no key stays out, and whoever has one sees its project alone."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from access import keys
from access.errors import NoOperator
from api.app import create_app
from api.service.admission import Admission
from models import Database
from settings import Settings
from tests.api.conftest import LocalClient
from training.release import release

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

SPEC = {"dataset": "digits"}
KEY = re.compile(r"epochal_[a-z0-9]{26}\.[A-Za-z0-9_-]{43}")
OPEN = {"/livez", "/readyz", "/problems", "/openapi.json", "/docs"}


def of_documentation(path: str) -> bool:
    return path.startswith("/docs")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "key_missing"),
        ({"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}, "key_missing"),
        ({"Authorization": ""}, "key_missing"),
        ({"Authorization": "Bearer"}, "key_invalid"),
        ({"Authorization": "Bearer nonsense"}, "key_invalid"),
        ({"Authorization": "Bearer epochal_admin." + "a" * 40}, "key_invalid"),
        ({"Authorization": "Bearer epochal_\u00e9.x"}, "key_invalid"),
    ],
)
def test_nobody_comes_in_without_a_key(guarded: TestClient, header: dict[str, str], code: str) -> None:
    answer = guarded.get("/v1/jobs", headers=[(name.encode(), value.encode()) for name, value in header.items()])
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_operation_asks_for_a_key_but_those_that_say_whether_it_is_there(guarded: TestClient) -> None:
    paths = guarded.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            address = re.sub(r"\{[a-z_]+\}", "job_01kasm2pbk5s9d0w3g6vq8zrhf", path)
            answer = guarded.request(method, address)
            assert (answer.status_code == 401) == (path not in OPEN), (method, path, answer.status_code)


def test_a_secret_that_differs_in_one_character_is_refused(guarded: TestClient, tenants: "Tenants") -> None:
    key = tenants.keys["first"]["read"]
    assert guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert guarded.get("/v1/jobs", headers={"Authorization": f"bearer {key}"}).status_code == 200
    other = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {other}"}).status_code == 401
    swapped = tenants.keys["second"]["read"].partition(".")[0] + "." + key.partition(".")[2]
    assert guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {swapped}"}).status_code == 401


def test_a_scope_is_enough_for_what_it_includes_and_no_more(guarded: TestClient, tenants: "Tenants") -> None:
    asked: dict[str, dict[str, int]] = {}
    for scope in ("read", "train", "admin"):
        header = tenants.header("first", scope)
        asked[scope] = {
            "list": guarded.get("/v1/jobs", headers=header).status_code,
            "submit": guarded.post("/v1/jobs", headers=header, json={"spec": SPEC}).status_code,
            "keys": guarded.get("/v1/keys", headers=header).status_code,
            "projects": guarded.post("/v1/projects", headers=header, json={"id": "third"}).status_code,
        }
    assert asked == {
        "read": {"list": 200, "submit": 403, "keys": 403, "projects": 403},
        "train": {"list": 200, "submit": 201, "keys": 403, "projects": 403},
        "admin": {"list": 200, "submit": 201, "keys": 200, "projects": 403},
    }
    refused = guarded.post("/v1/jobs", headers=tenants.header("first", "read"), json={"spec": SPEC})
    assert refused.json()["needed_scope"] == "train"
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_foreign_job_is_not_there_whatever_is_asked(guarded: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    job_id = stage.submit(project="first", name="theirs", tags=["theirs"])
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    checkpoint = stage.checkpoint(claim, 1, 0)
    stage.succeed(claim)
    app: Any = guarded.app
    of_job = [route for route in app.routes if isinstance(route, APIRoute)] or list(_routes(app))
    assert len([route for route in of_job if "{job_id}" in route.path]) >= 18
    before = guarded.get(f"/v1/jobs/{job_id}", headers=tenants.header("first")).json()
    for route in of_job:
        if "{job_id}" not in route.path:
            continue
        attempt, file = checkpoint.name.split("/")[1:]
        path = route.path.replace("{job_id}", job_id).replace("{attempt}", attempt).replace("{file}", file)
        for method in route.methods or ():
            # Without a body where there may be one, it would be refused before the job is looked for.
            body: dict[str, int] | None = (
                {} if method in ("PATCH", "POST") and not path.endswith(("cancel", "stop", "pause", "resume")) else None
            )
            if method == "POST" and path.endswith("/repeats"):
                body = {"repeats": 2}
            answer = guarded.request(method, path, headers=tenants.header("second", "admin"), json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found"), (method, path)
    assert guarded.get(f"/v1/jobs/{job_id}", headers=tenants.header("first")).json() == before
    for query in ("", "?name=theirs", "?tag=theirs", "?status=succeeded&status=failed", "?sort=-best_accuracy"):
        mine = guarded.get(f"/v1/jobs{query}", headers=tenants.header("first")).json()["data"]
        theirs = guarded.get(f"/v1/jobs{query}", headers=tenants.header("second")).json()["data"]
        assert ([row["id"] for row in mine], theirs) == ([job_id], [])


def _routes(app: Any) -> Any:
    from fastapi.routing import iter_route_contexts

    return iter_route_contexts(app.routes)


def test_nobody_starts_from_foreign_weights(guarded: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    job_id = stage.submit(project="first")
    stage.succeed(stage.start(job_id), channels=1)
    body = {"spec": {**SPEC, "starting_weights": job_id}}
    refused = guarded.post("/v1/jobs", headers=tenants.header("second"), json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "starting_weights_missing")
    unknown = {"spec": {**SPEC, "starting_weights": job_id[:-1] + "0"}}
    other = guarded.post("/v1/jobs", headers=tenants.header("second"), json=unknown).json()
    assert refused.json()["detail"].replace(job_id, "it") == other["detail"].replace(job_id[:-1] + "0", "it")
    assert guarded.post("/v1/jobs", headers=tenants.header("first"), json=body).status_code == 201


def test_a_queue_counts_everybody_and_names_its_own(guarded: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    stage.submit(project="first")
    mine = stage.submit(project="second")
    rows = guarded.get("/v1/queue", headers=tenants.header("second")).json()["data"]
    assert [(row["job_id"], row["position"]) for row in rows] == [(mine, 2)]
    claim = stage.start(guarded.get("/v1/queue", headers=tenants.header("first")).json()["data"][0]["job_id"])
    listed = {project: guarded.get("/v1/workers", headers=tenants.header(project)).json() for project in tenants.keys}
    assert [row["jobs"] for row in listed["first"]["data"]] == [[claim.job_id]]
    assert [(row["jobs"], row["busy_slots"]) for row in listed["second"]["data"]] == [([], 1)]


def test_the_same_idempotency_key_of_two_projects_is_two_keys(guarded: TestClient, tenants: "Tenants") -> None:
    made = [
        guarded.post(
            "/v1/jobs", headers={**tenants.header(project), "Idempotency-Key": "once"}, json={"spec": SPEC}
        ).json()["id"]
        for project in ("first", "second", "first")
    ]
    assert made[0] == made[2] != made[1]


def test_a_key_is_shown_once_and_works_until_it_is_revoked(
    guarded: TestClient, tenants: "Tenants", database: Database
) -> None:
    admin = tenants.header("first", "admin")
    made = guarded.post("/v1/keys", headers=admin, json={"name": "notebook", "scopes": ["train"]})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    key = made.json()["key"]
    assert KEY.fullmatch(key)
    assert key.partition(".")[0] == f"epochal_{made.json()['id']}"
    header = {"Authorization": f"Bearer {key}"}
    assert guarded.get("/v1/jobs", headers=header).status_code == 200
    listed = guarded.get("/v1/keys", headers=admin)
    assert "notebook" in listed.text
    assert key.partition(".")[2] not in listed.text
    with database.snapshot() as session:
        stored = keys.find(session, "first", made.json()["id"])
    assert key.partition(".")[2] not in repr(vars(stored))
    assert guarded.delete(f"/v1/keys/{made.json()['id']}", headers=admin).json()["revoked_at"] is not None
    assert guarded.get("/v1/jobs", headers=header).json()["code"] == "key_invalid"
    again = guarded.delete(f"/v1/keys/{made.json()['id']}", headers=admin)
    assert again.status_code == 200


def test_an_expired_key_lets_nobody_in(guarded: TestClient, tenants: "Tenants", database: Database) -> None:
    with database.session() as session:
        expired = keys.make(session, "first", "old", ["read"], datetime.now(UTC) - timedelta(seconds=1)).key
        valid = keys.make(session, "first", "new", ["read"], datetime.now(UTC) + timedelta(hours=1)).key
    answers = [
        guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {key.get_secret_value()}"}).status_code
        for key in (expired, valid)
    ]
    assert answers == [401, 200]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a", "scopes": []}, "#/scopes"),
        ({"name": "a", "scopes": ["write"]}, "#/scopes/0"),
        ({"name": "a", "scopes": ["read", "read"]}, "#/scopes"),
        ({"name": "", "scopes": ["read"]}, "#/name"),
        ({"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"name": "a", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00"}, "#/expires_at"),
        ({"name": "a", "scopes": ["read"], "expires_at": "9999-12-31T23:59:59-23:00"}, "#/expires_at"),
        ({"name": "a", "scopes": ["read"], "project": "No Project"}, "#/project"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(client: TestClient, body: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/keys", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_an_administrator_sees_the_keys_of_its_project_and_the_operator_all(
    guarded: TestClient, tenants: "Tenants"
) -> None:
    theirs = guarded.get("/v1/keys", headers=tenants.header("first", "admin")).json()["data"]
    assert {row["project"] for row in theirs} == {"first"}
    everybody = guarded.get("/v1/keys", headers=tenants.as_operator).json()["data"]
    assert {row["project"] for row in everybody} == {"first", "second", "default"}
    foreign = next(row["id"] for row in everybody if row["project"] == "second")
    for method in ("GET", "DELETE"):
        assert (
            guarded.request(method, f"/v1/keys/{foreign}", headers=tenants.header("first", "admin")).status_code == 404
        )
    body = {"name": "a", "scopes": ["read"], "project": "second"}
    refused = guarded.post("/v1/keys", headers=tenants.header("first", "admin"), json=body)
    assert refused.json()["code"] == "operator_only"
    assert guarded.post("/v1/keys", headers=tenants.as_operator, json=body).json()["project"] == "second"


def test_a_caller_is_told_who_it_is(guarded: TestClient, tenants: "Tenants") -> None:
    key = tenants.keys["first"]["train"]
    answer = guarded.get("/v1/caller", headers=tenants.header("first", "train"))
    told = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert told.keys() == {"keys_required", "key", "project", "operator", "release"}
    assert told["key"] == {
        "id": key.partition(".")[0].removeprefix("epochal_"),
        "name": told["key"]["name"],
        "scopes": ["train"],
        "expires_at": None,
    }
    assert key.partition(".")[2] not in answer.text
    assert (told["keys_required"], told["operator"], told["project"]["id"]) == (True, False, "first")
    assert told["project"] == guarded.get("/v1/projects/first", headers=tenants.header("first")).json()
    assert guarded.get("/v1/caller", headers=tenants.header("first", "admin")).json()["operator"] is False
    assert guarded.get("/v1/caller", headers=tenants.as_operator).json()["operator"] is True


def test_without_keys_everybody_is_the_operator(client: TestClient) -> None:
    told = client.get("/v1/caller").json()
    assert (told["keys_required"], told["key"], told["operator"]) == (False, None, True)
    assert told["project"]["id"] == "default"
    assert told["release"] == release()


def test_keys_come_in_pages(guarded: TestClient, tenants: "Tenants") -> None:
    seen, address = [], "/v1/keys?limit=3"
    while address:
        page = guarded.get(address, headers=tenants.as_operator).json()
        seen += [row["id"] for row in page["data"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == 7


def test_projects_and_their_use(guarded: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    stage.submit(project="first")
    own = guarded.get("/v1/projects", headers=tenants.header("first", "read")).json()["data"]
    assert [row["id"] for row in own] == ["first"]
    assert own[0]["usage"] == {
        "running_jobs": 0,
        "queued_jobs": 1,
        "storage_bytes": 0,
        "storage_by_kind": {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0},
        "device_hours": 0.0,
    }
    assert guarded.get("/v1/projects/second", headers=tenants.header("first")).status_code == 404
    everyone = guarded.get("/v1/projects", headers=tenants.as_operator).json()["data"]
    assert [row["id"] for row in everyone] == ["default", "first", "second"]
    made = guarded.post("/v1/projects", headers=tenants.as_operator, json={"id": "third", "max_queued_jobs": 1})
    assert (made.status_code, made.json()["max_queued_jobs"]) == (201, 1)
    assert guarded.post("/v1/projects", headers=tenants.as_operator, json={"id": "third"}).status_code == 409
    changed = guarded.patch("/v1/projects/third", headers=tenants.as_operator, json={"max_queued_jobs": None})
    assert changed.json()["max_queued_jobs"] is None
    assert guarded.patch("/v1/projects/first", headers=tenants.header("first", "admin"), json={}).status_code == 403


def test_beyond_its_limit_a_key_waits(settings: Settings, tenants: "Tenants") -> None:
    narrow = settings.model_copy(update={"require_keys": True, "rate_limit": 3})
    with LocalClient(create_app(narrow)) as client:
        answers = [client.get("/v1/recipes", headers=tenants.header("first")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
        assert re.fullmatch(r'"key";r=2;t=\d+', answers[0].headers["RateLimit"])
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
        assert answers[3].json()["code"] == "too_many_requests"
        assert client.get("/v1/recipes", headers=tenants.header("second")).status_code == 200


def test_requests_are_counted_one_at_a_time(tenants: "Tenants", database: Database) -> None:
    """Two threads that count at once start the timer of the library's storage twice, which raises."""
    key = tenants.keys["first"]["read"]
    inside, most = 0, 0

    class Watched(MemoryStorage):
        def acquire_sliding_window_entry(self, *arguments: Any, **named: Any) -> bool:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            sleep(0.01)  # in which others come in where nothing keeps them out
            inside -= 1
            return super().acquire_sliding_window_entry(*arguments, **named)

    limiter = SlidingWindowCounterRateLimiter(Watched())
    admission = Admission(keys_required=True, requests_a_minute=1000, _limiter=limiter)

    def count(_: int) -> None:
        with database.autocommit_read() as session:
            admission.admit(session, key, "192.0.2.1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(16)))
    assert most == 1


def test_whoever_tries_keys_is_slowed_down_and_nobody_else(guarded: TestClient, tenants: "Tenants") -> None:
    wrong = {"Authorization": "Bearer epochal_admin." + "a" * 40}
    statuses = [guarded.get("/v1/recipes", headers=wrong).status_code for _ in range(62)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert guarded.get("/v1/recipes", headers=tenants.header("first")).status_code == 200


def test_without_keys_a_key_still_counts(client: TestClient, tenants: "Tenants", stage: "Stage") -> None:
    stage.submit(project="first")
    assert len(client.get("/v1/jobs", headers=tenants.header("first")).json()["data"]) == 1
    assert client.get("/v1/jobs").json()["data"] == []
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_a_use_is_noted(settings: Settings, tenants: "Tenants", database: Database) -> None:
    with LocalClient(create_app(settings)) as client:
        client.get("/v1/jobs", headers=tenants.header("first", "read"))
        key_id = tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_")
        service: Any = client.app_state["service"]
        service.admission.storing_key_uses(database).run()
        row = client.get(f"/v1/keys/{key_id}").json()
    assert row["last_used_at"] is not None


class TestOperator:
    """Elsewhere than on the loopback, somebody must have a key."""

    def listening(self, settings: Settings, **changes: Any) -> TestClient:
        return LocalClient(create_app(settings.model_copy(update={"host": "0.0.0.0", **changes})))

    def test_without_a_key_the_api_does_not_start(self, settings: Settings) -> None:
        with pytest.raises(NoOperator, match="EPOCHAL_ADMIN_KEY_FILE"), self.listening(settings):
            pass

    def test_the_key_of_a_file_is_the_operator_s(self, settings: Settings, tmp_path: Path) -> None:
        file = tmp_path / "key"
        for secret in ("a" * 64, "b" * 64):
            file.write_text(f"epochal_admin.{secret}\n")
            with self.listening(settings, admin_key_file=file) as client:
                header = {"Authorization": f"Bearer epochal_admin.{secret}"}
                assert client.get("/v1/keys", headers=header).status_code == 200
                before = {"Authorization": f"Bearer epochal_admin.{'a' * 64}"}
                assert client.get("/v1/keys", headers=before).status_code == (200 if secret[0] == "a" else 401)
                assert client.get("/v1/keys").status_code == 401

    @pytest.mark.parametrize("content", ["", "secret", "epochal_admin.short", "epochal_other." + "a" * 64])
    def test_a_file_that_holds_none_is_told(self, settings: Settings, tmp_path: Path, content: str) -> None:
        file = tmp_path / "key"
        file.write_text(content)
        with pytest.raises(NoOperator, match="openssl rand"), self.listening(settings, admin_key_file=file):
            pass

    def test_a_file_that_is_not_there_is_told(self, settings: Settings, tmp_path: Path) -> None:
        missing = tmp_path / "none"
        with pytest.raises(NoOperator, match="cannot be read"), self.listening(settings, admin_key_file=missing):
            pass

    def test_a_key_that_was_made_before_will_do(self, settings: Settings, client: TestClient) -> None:
        key = client.post("/v1/keys", json={"name": "operator", "scopes": ["admin"]}).json()["key"]
        with self.listening(settings) as guarded:
            assert guarded.get("/v1/keys", headers={"Authorization": f"Bearer {key}"}).status_code == 200
