"""Webhooks over HTTP."""

from collections.abc import Iterator
from ipaddress import ip_network
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from standardwebhooks import Webhook as Verifier

from access import keys, projects
from access.keys import Scope
from api.app import create_app
from jobs.outbox import EVENT_TYPES
from models import Database, Webhook
from settings import Settings
from tests.api.conftest import LocalClient
from tests.webhooks.conftest import PATIENCE_SECONDS, Receiver, happen, make_due, receiver

if TYPE_CHECKING:
    from tests.stage import Stage

__all__ = ["receiver"]  # a fixture

BODY = {"url": "https://example.com/epochal", "events": ["job.succeeded", "job.failed"]}
UNKNOWN = "/v1/webhooks/whk_01kasm2pbk5s9d0w3g6vq8zrhf"
A_DELIVERY = "msg_01kasm2pbk5s9d0w3g6vq8zrhf"
SECRET_FREE = {"id", "url", "description", "events", "enabled", "created_at"}


@pytest.fixture
def inside(settings: Settings) -> Iterator[TestClient]:
    """The API of an operator who allows the loopback."""
    allowing = settings.model_copy(update={"webhook_networks": (ip_network("127.0.0.0/8"),)})
    with LocalClient(create_app(allowing)) as client:
        yield client


def make(client: TestClient, **fields: object) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={**BODY, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def key_of(database: Database, project: str, scope: Scope) -> dict[str, str]:
    with database.session() as session:
        return bearer(keys.make(session, project, "a key", [scope]).key)


def bearer(key: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.get_secret_value()}"}


def test_secret_is_shown_once(client: TestClient) -> None:
    made = make(client, description="the lab's chat")
    assert made["secret"].startswith("whsec_")
    assert made.keys() == SECRET_FREE | {"secret"}
    where = f"/v1/webhooks/{made['id']}"
    shown = client.get(where)
    assert shown.json() == {name: made[name] for name in SECRET_FREE}
    [listed] = client.get("/v1/webhooks").json()["data"]
    changed = client.patch(where, json={"description": None})
    assert changed.json()["description"] is None
    for answer in (shown, changed):
        assert "whsec_" not in answer.text
    assert listed == shown.json()
    rotated = client.post(f"{where}/rotate-secret").json()
    assert rotated["secret"] not in ("", made["secret"])
    assert rotated.keys() == made.keys()


def test_whole_way_of_an_event(inside: TestClient, receiver: Receiver, stage: "Stage") -> None:
    made = make(inside, url=receiver.url, events=["job.queued"])
    job = stage.submit()
    [got] = receiver.await_received(1)
    told = Verifier(made["secret"]).verify(got.body, got.headers)
    assert told["type"] == "job.queued"
    assert told["data"] == {"id": job, "project": "default", "status": "queued", "attempt": 0}


def test_ping_log_and_redelivery(inside: TestClient, receiver: Receiver) -> None:
    made = make(inside, url=receiver.url)
    where = f"/v1/webhooks/{made['id']}"
    receiver.answer = lambda _request: (204, {"X-Secret": "inside"})
    pinged = inside.post(f"{where}/ping")
    assert pinged.status_code == 202
    assert (pinged.json()["type"], pinged.json()["status"]) == ("webhook.ping", "pending")
    [got] = receiver.await_received(1)
    assert got.id == pinged.json()["id"]
    again = inside.post(f"{where}/deliveries/{got.id}/redeliver")
    assert again.status_code == 202
    assert {request.id for request in receiver.await_received(2)} == {got.id}
    log = inside.get(f"{where}/deliveries")
    assert [delivery["payload"]["data"]["id"] for delivery in log.json()["data"]] == [made["id"]]
    assert "inside" not in log.text


def test_log_is_paged(client: TestClient, database: Database) -> None:
    made = make(client, events=["job.running"], enabled=True)
    happen(database, times=5)
    where = f"/v1/webhooks/{made['id']}/deliveries?limit=2"
    ids, addresses = [], [where]
    while address := addresses[-1]:
        page = client.get(address).json()
        assert page["has_more"] == bool(page["next"])
        ids += [delivery["id"] for delivery in page["data"]]
        addresses.append(page["next"])
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 5
    first = client.get(where).json()["data"][0]
    assert first["payload"]["type"] == first["type"] == "job.running"


def test_list_is_paged(client: TestClient) -> None:
    ids = [make(client)["id"] for _ in range(3)]
    page = client.get("/v1/webhooks?limit=2").json()
    assert [row["id"] for row in page["data"]] == ids[:0:-1]
    assert [row["id"] for row in client.get(page["next"]).json()["data"]] == ids[:1]


def test_delivery_that_does_not_arrive_says_why(client: TestClient, database: Database) -> None:
    made = make(client)
    with database.session() as session:  # as if it had been allowed once
        session.get_one(Webhook, made["id"]).url = "http://127.0.0.1:1/"
    happen(database, "failed")
    make_due(database)

    def told() -> dict[str, Any]:
        [delivery] = client.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
        return dict(delivery)

    until = monotonic() + PATIENCE_SECONDS
    while told()["error"] is None and monotonic() < until:
        sleep(0.05)  # it is sent by the API itself, which looks once a second
    assert "public Internet" in told()["error"]
    assert (told()["status"], told()["attempts"], told()["response_status"]) == ("pending", 1, None)


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "https://[::1]/", "http://example.com/", "https://u@example.com/"]
)
def test_address_that_is_refused_is_pointed_at(client: TestClient, url: str) -> None:
    made = make(client)
    for answer in (
        client.post("/v1/webhooks", json={**BODY, "url": url}),
        client.patch(f"/v1/webhooks/{made['id']}", json={"url": url}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "address_refused")
        [error] = answer.json()["errors"]
        assert error["pointer"] == "#/url"
        assert error["detail"].startswith("should ")
    assert client.get(f"/v1/webhooks/{made['id']}").json()["url"] == BODY["url"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"events": []}, "#/events"),
        ({"events": ["job.finished"]}, "#/events/0"),
        ({"events": ["webhook.ping"]}, "#/events/0"),
        ({"events": ["job.failed", "job.failed"]}, "#/events"),
        ({"events": None}, "#/events"),
        ({"url": None}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"url": 7}, "#/url"),
        ({"enabled": None}, "#/enabled"),
        ({"enabled": "yes"}, "#/enabled"),
        ({"description": "two\nlines"}, "#/description"),
        ({"secret": "whsec_mine"}, "#/secret"),
    ],
)
def test_body_that_is_wrong(client: TestClient, fields: dict[str, object], pointer: str) -> None:
    made = make(client)
    for answer in (
        client.post("/v1/webhooks", json={**BODY, **fields}),
        client.patch(f"/v1/webhooks/{made['id']}", json=fields),
    ):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_change_leaves_what_it_does_not_name(client: TestClient) -> None:
    made = make(client, description="d")
    where = f"/v1/webhooks/{made['id']}"
    assert client.patch(where, json={}).json() == client.get(where).json()
    changed = client.patch(where, json={"events": list(EVENT_TYPES), "enabled": False}).json()
    assert changed == client.get(where).json() | {"events": list(EVENT_TYPES), "enabled": False}
    assert changed["description"] == "d"
    for address in (f"{where}/ping", f"{where}/deliveries/{A_DELIVERY}/redeliver"):
        assert client.post(address).json()["code"] == "webhook_disabled"


def test_deleted_webhook_is_gone(client: TestClient) -> None:
    made = make(client)
    where = f"/v1/webhooks/{made['id']}"
    assert client.post(f"{where}/ping").status_code == 202
    gone = client.delete(where)
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get(where).json()["code"] == "webhook_not_found"
    assert client.delete(where).status_code == 404


def test_project_may_have_so_many(client: TestClient) -> None:
    for _ in range(20):
        make(client)
    answer = client.post("/v1/webhooks", json=BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")


@pytest.mark.parametrize("address", [UNKNOWN, "/v1/webhooks/7", "/v1/webhooks/whk_%00"])
def test_unknown_webhook(client: TestClient, address: str) -> None:
    answers = [client.get(address), client.patch(address, json={}), client.delete(address)]
    answers += [client.post(f"{address}/{verb}") for verb in ("ping", "rotate-secret")]
    answers += [client.get(f"{address}/deliveries"), client.post(f"{address}/deliveries/{A_DELIVERY}/redeliver")]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "webhook_not_found")}


def test_unknown_delivery(client: TestClient) -> None:
    made = make(client)
    for delivery in ("7", A_DELIVERY):
        answer = client.post(f"/v1/webhooks/{made['id']}/deliveries/{delivery}/redeliver")
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


def test_another_projects_webhook_is_not_found(client: TestClient, database: Database) -> None:
    with database.session() as session:
        projects.make(session, "other", {})
    other = key_of(database, "other", "admin")
    made = make(client, events=["job.running"])
    happen(database)
    where = f"/v1/webhooks/{made['id']}"
    [told] = client.get(f"{where}/deliveries").json()["data"]
    answers = [
        client.get(where, headers=other),
        client.patch(where, json={"enabled": False}, headers=other),
        client.post(f"{where}/rotate-secret", headers=other),
        client.post(f"{where}/ping", headers=other),
        client.get(f"{where}/deliveries", headers=other),
        client.post(f"{where}/deliveries/{told['id']}/redeliver", headers=other),
        client.delete(where, headers=other),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "webhook_not_found")}
    assert client.get("/v1/webhooks", headers=other).json()["data"] == []
    assert client.get(where).json()["enabled"] is True


@pytest.mark.parametrize("scope", ["read", "train"])
def test_webhooks_are_for_administrators(client: TestClient, database: Database, scope: Scope) -> None:
    headers = key_of(database, "default", scope)
    assert client.get("/v1/webhooks", headers=headers).status_code == 403
    assert client.post("/v1/webhooks", json=BODY, headers=headers).status_code == 403


def test_examples_are_accepted(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for example in schemas["WebhookCreate"]["examples"]:
        made = make(client, **example)
    for example in schemas["WebhookChange"]["examples"]:
        assert client.patch(f"/v1/webhooks/{made['id']}", json=example).status_code == 200
    assert schemas["WebhookCreate"]["properties"]["events"]["items"]["enum"] == list(EVENT_TYPES)
    assert not [name for name, field in schemas["WebhookChange"]["properties"].items() if field.get("default")]
