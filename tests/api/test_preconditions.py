"""Conditions on a request, and keys of its own, are kept or refused, and never passed over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.attacks import refused
from tests.api.test_openapi import operations
from tests.stage import Stage

A_JOB = "job_01kasm2pbk5s9d0w3g6vq8zrhf"


def etag(client: TestClient, address: str) -> str:
    return str(client.get(address).headers["ETag"])


def test_a_change_is_of_what_was_looked_at(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    seen = etag(client, address)
    assert client.patch(address, json={"name": "one"}, headers={"If-Match": seen}).status_code == 200
    answer = client.patch(address, json={"name": "two"}, headers={"If-Match": seen})
    refused(answer, 412)
    assert answer.headers["ETag"] == etag(client, address)  # to look at, or to go by
    assert client.get(address).json()["name"] == "one"
    refused(client.post(f"{address}/cancel", headers={"If-Match": seen}), 412)
    refused(client.post(f"{address}/rerun", headers={"If-Match": seen}), 412)
    assert client.post(f"{address}/cancel", headers={"If-Match": answer.headers["ETag"]}).status_code == 200
    refused(client.delete(address, headers={"If-Match": answer.headers["ETag"]}), 412)
    assert client.delete(address, headers={"If-Match": etag(client, address)}).status_code == 204
    refused(client.delete(address, headers={"If-Match": "*"}), 404)


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("*", 200),
        (" * ", 200),
        ("{0}", 200),
        ('"a", {0}', 200),
        ('{0},"a"', 200),
        ('"a,b" , {0}', 200),
        ('"a"', 412),
        ("W/{0}", 412),  # a weak tag is not enough to change something
        ('W/"a", "b"', 412),
        ("", 412),
        ("a", 422),
        ("'a'", 422),
        ('"a" "b"', 422),
        ('"a', 422),
        ("*, {0}", 422),
        ("w/{0}", 422),
    ],
)
def test_tags_are_compared_strongly(client: TestClient, stage: Stage, tags: str, status: int) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    headers = {"If-Match": tags.format(etag(client, address))}
    assert client.patch(address, json={"name": "a"}, headers=headers).status_code == status
    assert client.get(address).json()["name"] == ("a" if status == 200 else None)


def test_of_many_who_saw_the_same_one_changes_it(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    seen = {"If-Match": etag(client, address)}
    with ThreadPoolExecutor(8) as threads:
        changes = [threads.submit(client.patch, address, json={"name": str(n)}, headers=seen) for n in range(8)]
    assert sorted(change.result().status_code for change in changes) == [200] + [412] * 7


def test_what_is_read_may_be_conditional_too(client: TestClient, stage: Stage) -> None:
    claim = stage.start(stage.submit())
    stage.epoch(claim, 0)
    stage.succeed(claim)
    client.headers["Accept-Encoding"] = "identity"  # the tag of what is packed is a weak one
    of_the_job = ["", "/metrics", "/events", "/weights", "/curves.svg"]
    for address in [*(f"/v1/jobs/{claim.job_id}{part}" for part in of_the_job), "/openapi.json"]:
        refused(client.get(address, headers={"If-Match": '"a"'}), 412)
        assert client.get(address, headers={"If-Match": etag(client, address)}).status_code == 200
        assert client.get(address, headers={"If-Match": "*"}).status_code == 200
        both = {"If-Match": '"a"', "If-None-Match": etag(client, address)}  # If-Match goes before
        refused(client.get(address, headers=both), 412)


def test_where_there_is_no_tag_none_is_the_right_one(client: TestClient) -> None:
    asked: list[tuple[str, str]] = [
        ("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/abc"),
        ("PATCH", "/v1/projects/default"), ("POST", "/v1/webhooks"), ("GET", "/livez"),
    ]  # fmt: skip
    for method, address in asked:
        refused(client.request(method, address, headers={"If-Match": '"a"'}), 412)
        assert client.request(method, address, headers={"If-Match": "*"}).status_code != 412
    refused(client.post("/v1/jobs", json={"spec": {"dataset": "digits"}}, headers={"If-None-Match": "*"}), 412)


def test_what_is_not_to_be_there_is_not_changed(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    for tags in ("*", etag(client, address), f"W/{etag(client, address)}"):
        refused(client.patch(address, json={"name": "a"}, headers={"If-None-Match": tags}), 412)
    assert client.patch(address, json={"name": "a"}, headers={"If-None-Match": '"a"'}).status_code == 200


HONOURS = {"submit_job", "rerun_job", "bring_model", "submit_sweep", "run_experiment"}
# Asking twice is asking once.
HARMLESS = {
    "cancel_job",
    "stop_job",
    "pause_job",
    "resume_job",
    "repeat_job",
    "cancel_dataset_audit",
    "cancel_sweep",
    "export_to_mlflow",
}


def posts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, method, operation in operations(document):
        if method == "post":
            yield path, operation["operationId"]


def test_a_key_that_is_not_kept_is_refused(front: TestClient) -> None:
    """Whoever sends one counts on it."""
    ids = {"job_id": A_JOB, "webhook_id": f"whk_{A_JOB[4:]}", "delivery_id": f"msg_{A_JOB[4:]}"}
    ids |= {"name": "pets", "number": "1", "audit_id": f"aud_{A_JOB[4:]}", "model": "cats"}
    ids |= {"sweep_id": f"swp_{A_JOB[4:]}", "experiment": "optimizers"}
    refusing = set()
    for path, name in posts(front.get("/openapi.json").json()):
        answer = front.post(path.format(**ids), headers={"Idempotency-Key": "monday"})
        errors = answer.json().get("errors") or [{}]
        if errors[0].get("header") == "Idempotency-Key":
            refusing.add(name)
            assert answer.status_code == 422
        else:
            assert name in HONOURS | HARMLESS, name
    assert {"create_key", "create_webhook", "create_project", "rotate_webhook_secret", "ping_webhook"} < refusing
