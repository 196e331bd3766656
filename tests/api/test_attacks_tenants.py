"""Nobody reaches what is another project's, does what its key is not for, or sets what is not the client's to set."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from access.keys import Scope
from models import Job, Webhook, WebhookDelivery
from tests.api.conftest import Tenants
from tests.api.picture_data import pets, predictions_on, store_ready
from tests.conftest import Databases
from tests.stage import Stage


@pytest.fixture
def _databases(postgresql_databases: Databases) -> Databases:
    """On the stricter of the two alone, which takes neither NUL nor a number that is too large."""
    return postgresql_databases


SPEC = {"dataset": "digits"}
WEBHOOK = {"url": "https://receiver.invalid/first", "events": ["job.succeeded"], "description": "firsts-own-word"}

# That tell nobody anything of anybody: for whoever watches whether the service lives, or reads its contract.
OPEN = {"/livez", "/readyz", "/problems"}
# With the name of a foreign data set, these make a data set of one's own.
MAKES_ONE_S_OWN = {
    ("PUT", "/v1/datasets/{name}"),
    ("POST", "/v1/datasets/{name}"),
    ("POST", "/v1/datasets/{name}/imports"),
}


class Loot:
    """What the first project has, and the second wants."""

    def __init__(self, guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
        index = store_ready(stage.database, stage.storage, pets(("firsts-own-word", "dog")), project="first")
        word = "firsts-own-word"
        self.job_id = stage.submit(project="first", name=word, tags=[word], dataset="pets")
        claim = stage.start(self.job_id)
        stage.epoch(claim, 0)
        self.checkpoint = stage.checkpoint(claim, 1, 0).name
        stage.succeed(claim, predictions=predictions_on(index).to_bytes())
        self.waiting_id = stage.submit(project="first", name="firsts-own-word")
        admin, train = tenants.header("first", "admin"), tenants.header("first", "train")
        self.image = index.ids[0]
        self.upload = guarded.post("/v1/uploads", headers=train, json={"dataset": "firsts-own-word", "bytes": 9}).json()
        self.audit = guarded.post("/v1/datasets/pets/versions/1/audit", headers=train, json={}).json()
        assert "id" in self.audit, self.audit
        grid = {"spec": {"dataset": "digits"}, "space": {"seed": [1]}, "name": "firsts-own-word"}
        self.sweep = guarded.post("/v1/sweeps", headers=train, json=grid).json()
        self.webhook = guarded.post("/v1/webhooks", headers=admin, json=WEBHOOK).json()
        self.delivery = guarded.post(f"/v1/webhooks/{self.webhook['id']}/ping", headers=admin).json()
        self.model = guarded.get("/v1/models", headers=train).json()["data"][0]["id"]
        guarded.put("/v1/models/cats/versions", headers=train, json={"model": self.model})
        guarded.put("/v1/models/cats/aliases/production", headers=train, json={"version": 1})
        wanted = {"formats": ["onnx"]}
        self.export = guarded.post(f"/v1/models/{self.model}/exports", headers=train, json=wanted).json()
        own = {"dataset": "digits", "split": "test"}
        self.evaluation = guarded.post(f"/v1/models/{self.model}/evaluations", headers=train, json=own).json()
        self.key_id = tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_")

    def path(self, template: str) -> str:
        attempt, file = self.checkpoint.split("/")[1:]
        values = {
            "job_id": self.job_id,
            "attempt": attempt,
            "file": file,
            "webhook_id": self.webhook["id"],
            "delivery_id": self.delivery["id"],
            "key_id": self.key_id,
            "project_id": "first",
            "recipe": "strong",
            "experiment": "activations",
            "name": "pets",
            "number": "1",
            "image": self.image,
            "upload_id": self.upload["id"],
            "audit_id": self.audit["id"],
            "sweep_id": self.sweep["id"],
            "model": self.model,
            "export_id": self.export["id"],
            "evaluation_id": self.evaluation["id"],
            "model_name": "cats",
            "alias": "production",
        }
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)

    def is_in(self, text: str) -> bool:
        words = ("firsts-own-word", self.webhook["secret"], "receiver.invalid/first")
        return any(word in text for word in words)


@pytest.fixture
def loot(guarded: TestClient, tenants: Tenants, stage: Stage) -> Loot:
    return Loot(guarded, tenants, stage)


def operations(client: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def body_of(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    """An example of the body that an operation takes."""
    if "application/json" not in operation.get("requestBody", {"content": {}})["content"]:
        return None  # or it takes files
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    reference = schema.get("$ref") or next(each["$ref"] for each in schema["anyOf"] if "$ref" in each)
    return document["components"]["schemas"][reference.rpartition("/")[2]]["examples"][0]


def test_whatever_has_a_foreign_id_in_its_path_is_not_there(guarded: TestClient, tenants: Tenants, loot: Loot) -> None:
    document = guarded.get("/openapi.json").json()
    asked = 0
    for method, path, operation in operations(guarded):
        if "{" not in path or "{recipe}" in path or "{experiment}" in path:
            continue
        if (method, path) in MAKES_ONE_S_OWN:
            continue
        body, headers = body_of(document, operation), tenants.header("second", "admin")
        if path == "/v1/uploads/{upload_id}":
            headers |= {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        answer = guarded.request(method, loot.path(path), headers=headers, json=body)
        operators = method == "PATCH" and path == "/v1/projects/{project_id}"
        assert answer.status_code == (403 if operators else 404), (method, path, answer.text)
        assert not loot.is_in(answer.text), (method, path)
        asked += 1
    assert asked > 25


def test_a_foreign_id_in_a_query_leads_nowhere(guarded: TestClient, tenants: Tenants, stage: Stage, loot: Loot) -> None:
    mine = [stage.submit(project="second") for _ in range(2)]
    admin = tenants.header("second", "admin")

    def get(address: str) -> Response:
        return guarded.get(address, headers=admin)

    compared = get(f"/v1/compare?job={mine[0]}&job={loot.job_id}")
    assert (compared.status_code, compared.json()["code"]) == (404, "job_not_found")
    queued = get(f"/v1/queue?after={loot.waiting_id}")  # its place in the queue would tell its priority
    assert (queued.status_code, queued.json()["code"]) == (404, "job_not_found")
    # In these, an id is a moment in time: whose it is, nobody looks up.
    for address in (
        f"/v1/jobs?after={loot.job_id}",
        f"/v1/webhooks?after={loot.webhook['id']}",
        f"/v1/keys?after={loot.key_id}",
        "/v1/projects?after=first",
    ):
        answer = get(address)
        assert answer.status_code == 200, answer.text
        assert not loot.is_in(answer.text)
        assert loot.job_id not in answer.text.replace(f"after={loot.job_id}", "")
    for address in ("/v1/jobs?name=firsts-own-word", "/v1/jobs?tag=firsts-own-word"):
        assert get(address).json()["data"] == []


def test_a_cursor_of_another_project_shows_its_owner_s_place_and_nothing_else(
    guarded: TestClient, tenants: Tenants, stage: Stage, loot: Loot
) -> None:
    stage.submit(project="first", name="zz firsts-own-word")
    page = guarded.get("/v1/jobs?sort=name&limit=1", headers=tenants.header("first")).json()
    mine = stage.submit(project="second", name="zzz")
    answer = guarded.get(page["next"], headers=tenants.header("second")).json()
    assert [row["id"] for row in answer["data"]] == [mine]


def test_a_foreign_idempotency_key_replays_nothing(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    headers = {"Idempotency-Key": "shared"}
    sent: dict[str, Any] = {"json": {"spec": SPEC, "name": "firsts-own-word"}}
    first = guarded.post("/v1/jobs", headers={**tenants.header("first"), **headers}, **sent)
    second = guarded.post("/v1/jobs", headers={**tenants.header("second"), **headers}, **sent)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert second.json()["project"] == "second"
    assert "Idempotent-Replayed" not in second.headers


def test_a_stream_position_opens_no_foreign_stream(guarded: TestClient, tenants: Tenants, loot: Loot) -> None:
    for position in ("0", "1", str(2**63 - 1)):
        headers = {**tenants.header("second"), "Last-Event-ID": position}
        assert guarded.get(f"/v1/jobs/{loot.job_id}/stream", headers=headers).status_code == 404


def test_an_etag_of_another_project_is_no_way_to_ask_whether_it_is_there(
    guarded: TestClient, tenants: Tenants, loot: Loot
) -> None:
    for part in ("", "/metrics", "/events"):
        mine = guarded.get(f"/v1/jobs/{loot.job_id}{part}", headers=tenants.header("first"))
        for etag in (mine.headers["ETag"], "*"):
            headers = {**tenants.header("second"), "If-None-Match": etag}
            assert guarded.get(f"/v1/jobs/{loot.job_id}{part}", headers=headers).status_code == 404


def test_a_key_of_one_webhook_is_not_another_s(guarded: TestClient, tenants: Tenants, loot: Loot) -> None:
    """A delivery is found under its own webhook alone, also within a project."""
    admin = tenants.header("second", "admin")
    mine = guarded.post("/v1/webhooks", headers=admin, json=WEBHOOK).json()
    address = f"/v1/webhooks/{mine['id']}/deliveries/{loot.delivery['id']}/redeliver"
    answer = guarded.post(address, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


@pytest.mark.parametrize("scope", ["read", "train"])
def test_no_key_does_more_than_its_scope(guarded: TestClient, tenants: Tenants, loot: Loot, scope: Scope) -> None:
    """Each operation that there is, asked with a body that it would accept."""
    document = guarded.get("/openapi.json").json()
    before = guarded.get(f"/v1/jobs/{loot.job_id}", headers=tenants.header("first")).json()
    administered = re.compile(r"/v1/(keys|webhooks)\b|/metrics$")
    refused = 0
    for method, path, operation in operations(guarded):
        if path in OPEN:
            continue
        of_project = path.startswith("/v1/projects") and method != "GET"
        reads = method == "GET" or path.endswith(("/predict", "/links"))
        may = not administered.match(path) and not of_project and (scope == "train" or reads)
        if may:
            continue
        body = body_of(document, operation)
        answer = guarded.request(method, loot.path(path), headers=tenants.header("first", scope), json=body)
        assert answer.status_code == 403, (method, path, answer.text)
        assert not loot.is_in(answer.text)
        refused += 1
    assert refused >= (20 if scope == "read" else 14)
    assert guarded.get(f"/v1/jobs/{loot.job_id}", headers=tenants.header("first")).json() == before


def test_an_administrator_of_a_project_is_no_operator(guarded: TestClient, tenants: Tenants, loot: Loot) -> None:
    admin = tenants.header("first", "admin")
    for method, path, body in (
        ("POST", "/v1/projects", {"id": "third"}),
        ("PATCH", "/v1/projects/first", {"max_running_jobs": None}),
        ("PATCH", "/v1/projects/second", {"max_running_jobs": 0}),
        ("POST", "/v1/keys", {"name": "x", "scopes": ["admin"], "project": "default"}),
        ("POST", "/v1/keys", {"name": "x", "scopes": ["read"], "project": "second"}),
        ("POST", "/v1/keys", {"name": "x", "scopes": ["read"], "project": "unknown"}),
        ("GET", "/metrics", None),
    ):
        answer = guarded.request(method, path, headers=admin, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "operator_only"), (method, path)
    operators_id = tenants.operator.partition(".")[0].removeprefix("epochal_")
    assert guarded.delete(f"/v1/keys/{operators_id}", headers=admin).status_code == 404


# What is the service's to set, and what a client could hope to set with it.
NOT_THE_CLIENT_S: dict[str, Any] = {
    "id": "job_01kasm2pbk5s9d0w3g6vq8zrhf",
    "project": "second",
    "status": "succeeded",
    "revision": 99,
    "weights": {"name": "../../etc/passwd", "size_bytes": 1, "sha256": "0" * 64},
    "owner": "worker-1",
    "attempt": 7,
    "attempts": [],
    "requested": "cancel",
    "lease_until": "2100-01-01T00:00:00Z",
    "deleted_at": None,
    "created_at": "2000-01-01T00:00:00Z",
    "best_accuracy": 1.0,
    "dataset": "cifar100",
    "devices": 0,
    "__class__": {},
    "__proto__": {"admin": True},
}


@pytest.mark.parametrize("field", NOT_THE_CLIENT_S)
def test_what_is_the_service_s_to_set_is_refused(
    guarded: TestClient, tenants: Tenants, stage: Stage, field: str
) -> None:
    header, job_id = tenants.header("first", "admin"), stage.submit(project="first")
    before, jobs = guarded.get(f"/v1/jobs/{job_id}", headers=header).json(), stage.jobs()
    value = NOT_THE_CLIENT_S[field]
    for method, path, body in (
        ("POST", "/v1/jobs", {"spec": SPEC}),
        ("PATCH", f"/v1/jobs/{job_id}", {}),
        ("POST", f"/v1/jobs/{job_id}/rerun", {}),
        ("POST", "/v1/webhooks", {key: WEBHOOK[key] for key in ("url", "events")}),
        ("POST", "/v1/jobs", {"spec": {**SPEC, "weights": value}}),
    ):
        answer = guarded.request(method, path, headers=header, json={**body, field: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (method, path)
    assert (guarded.get(f"/v1/jobs/{job_id}", headers=header).json(), stage.jobs()) == (before, jobs)


def test_a_key_has_what_it_was_made_with(guarded: TestClient, tenants: Tenants) -> None:
    for extra in ({"id": "admin"}, {"secret_sha256": "0" * 64}, {"key": "epochal_x.y"}, {"revoked_at": None}):
        body = {"name": "x", "scopes": ["read"], **extra}
        assert guarded.post("/v1/keys", headers=tenants.header("first", "admin"), json=body).status_code == 422


def test_no_form_no_query_and_no_header_takes_the_place_of_a_body(
    guarded: TestClient, tenants: Tenants, stage: Stage
) -> None:
    header, job_id = tenants.header("first"), stage.submit(project="first")
    overridden = {**header, "X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    assert guarded.post(f"/v1/jobs/{job_id}/cancel?project=second", headers=header).status_code == 422
    assert guarded.get(f"/v1/jobs/{job_id}?_method=DELETE", headers=header).status_code == 422
    assert guarded.get(f"/v1/jobs/{job_id}", headers=overridden).json()["status"] == "queued"
    claimed = {**header, "X-Project": "second", "X-Forwarded-User": "admin", "X-Original-URL": "/v1/keys"}
    assert guarded.get(f"/v1/jobs/{job_id}", headers=claimed).json()["project"] == "first"


def test_nothing_of_the_first_project_was_touched(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    """Everything that can be asked, by the second project, of a first one that has everything."""
    loot = Loot(guarded, tenants, stage)

    def rows() -> list[Any]:
        with stage.database.snapshot() as session:
            firsts = session.query(Job).where(Job.project == "first").order_by(Job.id)  # an experiment makes jobs
            jobs = [(job.id, job.status, job.revision, job.name) for job in firsts]
            webhooks = [(each.id, each.secret, each.enabled) for each in session.query(Webhook)]
            return [jobs, webhooks, session.query(WebhookDelivery).count()]

    before, document = rows(), guarded.get("/openapi.json").json()
    for method, path, operation in operations(guarded):
        if "{" in path:
            body = body_of(document, operation)
            guarded.request(method, loot.path(path), headers=tenants.header("second", "admin"), json=body)
    assert rows() == before
