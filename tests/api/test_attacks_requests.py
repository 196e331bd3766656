"""What a request can be made of to wear out whoever reads it: JSON, and sheer size."""

import gzip
import json
import re
from time import process_time

import pytest
from fastapi.testclient import TestClient

from api.http import server
from api.http.middleware import MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_PARAMETERS
from api.reading import polling
from api.views.revision_cache import RevisionCache
from models import IdempotencyKey
from tests.api.attacks import refused
from tests.conftest import Databases
from tests.stage import Stage
from webhooks.endpoints import MAX_WEBHOOKS


@pytest.fixture
def _databases(postgresql_databases: Databases) -> Databases:
    """On the stricter of the two alone, which takes neither NUL nor a number that is too large."""
    return postgresql_databases


HOST = b"Host: 127.0.0.1\r\n"
JSON = {"Content-Type": "application/json"}
SPEC = {"dataset": "digits"}

# Of CPU time, whatever else the machine does. An answer to the worst of these takes some milliseconds.
AT_ONCE_SECONDS = 5.0

# JSON

# None is larger than a body may be, since one that is, is not read.
BOMBS: dict[str, bytes] = {
    "arrays": b"[" * 190_000,
    "objects": b'{"spec":' * 24_000,
    "closed arrays": b"[" * 95_000 + b"]" * 95_000,
    "a spec of arrays": b'{"spec":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "many objects": b"[" + b"{}," * 63_000 + b"{}]",
    "many fields": json.dumps({f"f{number}": 0 for number in range(14_000)}).encode(),
    "many fields of a spec": json.dumps({"spec": {f"f{number}": 0 for number in range(14_000)}}).encode(),
    "a huge integer": b'{"spec": {"dataset": "digits", "seed": ' + b"9" * 190_000 + b"}}",
    "a huge exponent": b'{"spec": {"dataset": "digits", "seed": 1e999999999}}',
    "many digits": b'{"spec": {"dataset": "digits", "epochs": 0.' + b"1" * 190_000 + b"}}",
    "a name twice": b'{"spec": {"dataset": "digits", "dataset": "cifar100"}}',
    "a name twice, escaped": b'{"spec": {"dataset": "digits", "d\\u0061taset": "cifar100"}}',
    "NaN": b'{"spec": {"dataset": "digits", "validation_fraction": NaN}}',
    "Infinity": b'{"spec": {"dataset": "digits", "validation_fraction": Infinity}}',
    "-Infinity": b'{"spec": {"dataset": "digits", "validation_fraction": -Infinity}}',
    "no UTF-8": b'{"name": "\xff\xfe", "spec": {"dataset": "digits"}}',
    "an overlong form": b'{"name": "\xc0\xaf", "spec": {"dataset": "digits"}}',
    "UTF-16": '{"spec": {"dataset": "digits"}}'.encode("utf-16"),
    "UTF-32": '{"spec": {"dataset": "digits"}}'.encode("utf-32"),
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"spec": {"dataset": "digits"}}',
    "half a surrogate": b'{"name": "\\ud800", "spec": {"dataset": "digits"}}',
    "halves in the wrong order": b'{"name": "\\udc00\\ud800", "spec": {"dataset": "digits"}}',
    "half a surrogate for a field": b'{"\\ud800": 1, "spec": {"dataset": "digits"}}',
    "NUL": b'{"name": "a\\u0000b", "spec": {"dataset": "digits"}}',
    "a raw NUL": b'{"name": "a\x00b", "spec": {"dataset": "digits"}}',
    "two values": b'{"spec": {"dataset": "digits"}} {}',
    "a comment": b'{"spec": {"dataset": "digits"}} // x',
    "single quotes": b"{'spec': {'dataset': 'digits'}}",
    "nothing": b" ",
    "null": b"null",
    "a string": b'"spec"',
    "ten thousand tags": json.dumps({"tags": [str(number) for number in range(10_000)], "spec": SPEC}).encode(),
    "ten thousand equal tags": json.dumps({"tags": ["x"] * 10_000, "spec": SPEC}).encode(),
    "a long name": json.dumps({"name": "x" * 190_000, "spec": SPEC}).encode(),
    "a long data set": json.dumps({"spec": {"dataset": "x" * 190_000}}).encode(),
    "milestones without end": json.dumps(
        {"spec": {**SPEC, "schedule": {"name": "multistep", "milestones": list(range(1, 27_000))}}}
    ).encode(),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_body_brings_it_down(client: TestClient, stage: Stage, bomb: str) -> None:
    assert len(BOMBS[bomb]) <= MAX_BODY_BYTES
    job_id = stage.submit()
    for method, address in (
        ("POST", "/v1/jobs"),
        ("POST", "/v1/jobs?dry_run=true"),
        ("POST", f"/v1/jobs/{job_id}/rerun"),
        ("PATCH", f"/v1/jobs/{job_id}"),
        ("POST", "/v1/keys"),
        ("POST", "/v1/webhooks"),
        ("POST", "/v1/projects"),
    ):
        began = process_time()
        problem = refused(client.request(method, address, content=BOMBS[bomb], headers=JSON), 400, 404, 422)
        assert process_time() - began < AT_ONCE_SECONDS
        assert len(json.dumps(problem)) < 64 * 1024  # an answer does not outgrow what it answers
    assert stage.jobs() == 1


def test_a_form_is_not_read_as_json(client: TestClient, stage: Stage) -> None:
    """What a page of another origin can make a browser send without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = client.post("/v1/jobs", content=json.dumps({"spec": SPEC}), headers={"Content-Type": kind})
        refused(answer, 415)
    assert stage.jobs() == 0


# Size


@pytest.mark.parametrize(
    "query",
    [
        "/v1/jobs?limit=0",
        "/v1/jobs?limit=101",
        "/v1/jobs?limit=-1",
        "/v1/jobs?limit=99999999999999999999999",
        "/v1/jobs?limit=1e2",
        "/v1/jobs?status=queued&" + "&".join(["status=failed"] * 50),
        "/v1/jobs?" + "&".join(f"tag=t{number}" for number in range(21)),
        "/v1/keys?limit=101",
        "/v1/webhooks?limit=101",
        "/v1/projects?limit=101",
        "/v1/queue?limit=101",
        "/v1/jobs/{id}/metrics?limit=10001",
        "/v1/jobs/{id}/metrics?max_points=5001",
        "/v1/jobs/{id}/metrics?after_epoch=2147483648",
        "/v1/jobs/{id}/steps?limit=10001",
        "/v1/jobs/{id}/events?limit=10001",
        "/v1/jobs/{id}/events?after=9223372036854775808",
        "/v1/jobs/{id}/stream?after=9223372036854775808",
        "/v1/compare?" + "&".join(f"job=job_01kasm2pbk5s9d0w3g6vq8zr{number:02}" for number in range(11)),
    ],
)
def test_nobody_asks_for_more_than_there_is_room_for(client: TestClient, stage: Stage, query: str) -> None:
    problem = refused(client.get(query.replace("{id}", stage.submit())), 422)
    assert problem["code"] == "invalid_request"


def test_an_address_full_of_parameters_is_explained_in_short(client: TestClient) -> None:
    """Each takes a while to explain, and a key is not asked for before."""
    query = "&".join(f"p{number:x}=" for number in range(MAX_PARAMETERS))
    answer = client.get(f"/v1/jobs?{query}")
    problem = refused(answer, 422)
    assert len(problem["errors"]) == 50
    assert f"(and {MAX_PARAMETERS - 1} more)" in problem["detail"]
    assert len(answer.content) < 2 * MAX_HEAD_BYTES


def test_more_parameters_than_any_address_has_are_not_parsed(client: TestClient) -> None:
    query = "&".join(f"p{number:x}=" for number in range(MAX_PARAMETERS + 1))
    problem = refused(client.get(f"/v1/jobs?{query}"), 431)
    assert (problem["code"], problem["detail"]) == (
        "headers_too_large",
        f"A query may have {MAX_PARAMETERS} parameters.",
    )


HUGE = {
    "If-None-Match": '"a",' * 3000,
    "Prefer": "wait" + " " * 12_000,
    "Accept": "a/b;q=0.1," * 1200,
    "Idempotency-Key": "k" * 12_000,
    "Last-Event-ID": "1" * 12_000,
    "Authorization": "Bearer epochal_" + "a" * 12_000,
    "X-Request-ID": "r" * 12_000,
    "Range": "bytes=" + "0-1," * 3000,
    "Accept-Encoding": "gzip," * 2000,
    "Cookie": "a=b;" * 3000,
}


@pytest.mark.parametrize("header", HUGE)
def test_a_huge_header_costs_nothing(client: TestClient, stage: Stage, header: str) -> None:
    job_id = stage.submit()
    stage.fail(stage.start(job_id))  # so that a stream of it ends
    for part in ("", "/metrics", "/events", "/stream", "/log"):
        began = process_time()
        answer = client.get(f"/v1/jobs/{job_id}{part}", headers={header: HUGE[header]})
        assert process_time() - began < AT_ONCE_SECONDS
        assert answer.status_code in (200, 401, 406, 422)
        assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (polling._WAIT, "wait" + " " * 100_000 + "x"),
        (polling._WAIT, " " * 100_000),
        (re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}"), "a" * 100_000),
    ],
)
def test_no_pattern_goes_over_its_text_again_and_again(pattern: re.Pattern[str], text: str) -> None:
    began = process_time()
    assert not pattern.fullmatch(text)
    assert process_time() - began < 1


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "a." * 1000 + "com",
        "https://" + "a-" * 1000,
        "https://" + "0." * 1000 + "!",
        "https://[" + ":" * 2000,
    ],
)
def test_an_address_of_a_webhook_that_is_made_to_be_slow(client: TestClient, url: str) -> None:
    began = process_time()
    refused(client.post("/v1/webhooks", json={"url": url, "events": ["job.failed"]}), 422)
    assert process_time() - began < 1


def test_what_is_remembered_is_bounded(client: TestClient, stage: Stage) -> None:
    """Neither by how many addresses there are nor by how long they are does it grow."""
    not_modified = RevisionCache[str](max_size=100)
    for number in range(150):
        not_modified.put(str(number), 1, "etag")
    assert [number for number in range(150) if not_modified.get(str(number), 1)] == list(range(50, 150))
    job_id, kept = stage.submit(), client.app_state["service"].not_modified._entries
    client.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "a/b," * 3000})
    assert len(kept) == 1
    assert max(map(len, kept)) <= 64


def test_webhooks_come_to_an_end(client: TestClient) -> None:
    body = {"url": "https://receiver.invalid/", "events": ["job.failed"]}
    statuses = [client.post("/v1/webhooks", json=body).status_code for _ in range(MAX_WEBHOOKS + 3)]
    assert statuses == [201] * MAX_WEBHOOKS + [409] * 3


def test_idempotency_keys_of_refused_requests_are_not_kept(client: TestClient, stage: Stage) -> None:
    for number in range(50):
        headers = {"Idempotency-Key": f"key-{number}"}
        assert client.post("/v1/jobs", json={"spec": {"dataset": 5}}, headers=headers).status_code == 422
        assert client.post("/v1/jobs?dry_run=true", json={"spec": SPEC}, headers=headers).status_code == 200
    with stage.database.snapshot() as session:
        assert session.query(IdempotencyKey).count() == 0


def test_a_body_as_large_as_may_be_is_no_more(client: TestClient) -> None:
    body = b'{"spec": {"dataset": "digits"}}'
    assert client.post("/v1/jobs", content=body.ljust(MAX_BODY_BYTES), headers=JSON).status_code == 201
    refused(client.post("/v1/jobs", content=body.ljust(MAX_BODY_BYTES + 1), headers=JSON), 413)


def test_the_largest_body_that_is_valid_fits(client: TestClient) -> None:
    """However its client writes it: outside of ASCII, a character may take twelve bytes."""
    tags = [f"{number:02}".ljust(64, "\N{DESERT ISLAND}") for number in range(20)]
    texts = {"name": "\N{DESERT ISLAND}" * 200, "description": "\N{DESERT ISLAND}" * 10_000, "tags": tags}
    body = json.dumps({**texts, "spec": {"dataset": "digits"}}, indent=8).encode()
    assert 0.6 * MAX_BODY_BYTES < len(body) < MAX_BODY_BYTES
    assert client.post("/v1/jobs", content=body, headers=JSON).status_code == 201


def test_compressed_bodies_are_not_unpacked(client: TestClient, stage: Stage) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    refused(client.post("/v1/jobs", content=bomb, headers={**JSON, "Content-Encoding": "gzip"}), 415)
    assert stage.jobs() == 0


def test_a_connection_has_its_limits() -> None:
    assert server.HEAD_TIMEOUT_SECONDS <= 30
    assert server.WRITE_TIMEOUT_SECONDS <= 120
    assert server.max_connections() <= server.MAX_CONNECTIONS
