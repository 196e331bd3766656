"""A key is nowhere but with who has it; and nothing that a client writes is more than text to anybody who reads it."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from unittest.mock import patch
from xml.dom import minidom

import pytest
import redis
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import text as sql

from access import keys
from logs import LogFormat, configure_logging
from models import Base, Database
from tests.api.conftest import Stage, Tenants
from tests.api.test_attacks_requests import TELLTALE

SPEC = {"dataset": "digits"}


@contextmanager
def everything_logged(form: LogFormat) -> Iterator[StringIO]:
    """The service's log, with all that any library has to say."""
    root, written = logging.getLogger(), StringIO()
    before = (root.level, root.handlers[:])
    with patch.object(sys, "stderr", written):
        configure_logging("debug", form)
    try:
        yield written
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        structlog.reset_defaults()


def dumped(database: Database) -> dict[str, str]:
    """Every value that is stored, by table and column."""
    with database.snapshot() as session:
        found: dict[str, str] = {}
        for table in Base.metadata.sorted_tables:
            for row in session.execute(sql(f'SELECT * FROM "{table.name}"')).mappings():
                for column, value in row.items():
                    found[f"{table.name}.{column}"] = found.get(f"{table.name}.{column}", "") + f" {value}"
        return found


# Secrets


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_key_is_in_no_log_no_error_no_message_and_no_row(
    guarded: TestClient, tenants: Tenants, stage: Stage, redis_socket: Path, form: LogFormat
) -> None:
    key = tenants.keys["first"]["admin"]
    secret = key.partition(".")[2]
    wrong = f"{key[:-4]}AAAA"
    header = {"Authorization": f"Bearer {key}"}
    answers = []
    with everything_logged(form) as log:
        answers += [
            guarded.post("/v1/jobs", headers=header, json={"spec": SPEC}),
            guarded.post("/v1/jobs", headers=header, json={"spec": {"dataset": 1}}),
            guarded.post("/v1/jobs", headers=header, content=b"{", extensions={}),
            guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {wrong}"}),
            guarded.get("/v1/jobs", headers={"Authorization": f"Basic {key}"}),
            guarded.get("/v1/jobs", headers={"Authorization": key}),
            guarded.get("/v1/jobs", headers={"X-API-Key": key}),
            guarded.get("/v1/keys", headers=header),
            guarded.get("/metrics", headers={"Authorization": f"Bearer {tenants.operator}"}),
        ]
        # Of what it was asked, an error says it again to who has asked, and to nobody else.
        for address in (f"/v1/jobs?key={key}", f"/v1/jobs/{key}", f"/v1/{key}", f"/v1/keys/{key}", f"/{secret}"):
            guarded.get(address, headers=header)
            guarded.get(address, headers={"Authorization": f"Bearer {wrong}"})
    assert "route=/v1/jobs" in log.getvalue().replace('"route": "', "route=")
    for hidden in (secret, secret[:20], wrong.partition(".")[2], tenants.operator.partition(".")[2]):
        assert hidden not in log.getvalue()
        assert all(hidden not in answer.text for answer in answers)
    assert all(secret not in value for value in dumped(stage.database).values())
    with redis.Redis(unix_socket_path=str(redis_socket)) as broker:
        for name in broker.keys("*"):
            assert secret.encode() not in (broker.dump(name) or b"")


def test_an_error_that_nobody_expected_keeps_a_key_to_itself(
    guarded: TestClient, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tenants.keys["first"]["read"]

    def explode(*_arguments: object) -> None:
        raise RuntimeError("SELECT secret_sha256 FROM api_keys -- /work/api/x.py")

    monkeypatch.setattr("api.routes.datasets.entries", explode)
    with everything_logged("logfmt") as log:
        answer = guarded.get("/v1/datasets", headers={"Authorization": f"Bearer {key}", "Cookie": f"key={key}"})
    assert answer.status_code == 500
    assert not TELLTALE.search(answer.text)
    assert "RuntimeError" in log.getvalue()  # told to the log alone, under the id that the client has
    assert answer.json()["request_id"] in log.getvalue()
    assert key.partition(".")[2] not in log.getvalue()


def test_a_database_that_fails_tells_nobody_how_it_is_asked(
    guarded: TestClient, tenants: Tenants, stage: Stage
) -> None:
    with stage.database.session() as session:
        session.execute(sql("ALTER TABLE job_tags RENAME TO elsewhere"))
    key = tenants.keys["first"]["train"]
    with everything_logged("logfmt") as log:
        answer = guarded.post(
            "/v1/jobs", headers={"Authorization": f"Bearer {key}"}, json={"spec": SPEC, "tags": ["a"]}
        )
    assert answer.status_code in (500, 503)
    assert not TELLTALE.search(answer.text)
    assert "job_tags" not in answer.text
    assert key.partition(".")[2] not in log.getvalue()


def test_a_webhook_s_secret_is_shown_once_and_stored_in_one_place(
    guarded: TestClient, tenants: Tenants, stage: Stage
) -> None:
    header = tenants.header("first", "admin")
    body = {"url": "https://receiver.invalid/x", "events": ["job.failed"]}
    with everything_logged("logfmt") as log:
        made = guarded.post("/v1/webhooks", headers=header, json=body).json()
        address = f"/v1/webhooks/{made['id']}"
        again = [guarded.get(address, headers=header), guarded.get("/v1/webhooks", headers=header)]
        again.append(guarded.patch(address, headers=header, json={"enabled": False}))
    secret = made["secret"].removeprefix("whsec_")
    assert all(secret not in answer.text for answer in again)
    assert secret not in log.getvalue()
    # In the clear: signing needs it. docs/security.md says so.
    assert {place for place, value in dumped(stage.database).items() if secret in value} == {"webhooks.secret"}


def test_of_a_key_a_hash_is_stored(tenants: Tenants, stage: Stage) -> None:
    stored = dumped(stage.database)["api_keys.secret_sha256"].split()
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in stored)
    secrets = [key.partition(".")[2] for scopes in tenants.keys.values() for key in scopes.values()]
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) * 6 >= 256 for secret in secrets)  # base64: 6 bits a character


def test_a_secret_is_compared_in_constant_time_also_where_there_is_no_such_key(
    database: Database, tenants: Tenants
) -> None:
    key = tenants.keys["first"]["read"]
    tried = [key, f"{key[:-1]}_", f"epochal_nobody.{'a' * 43}", "nonsense", ""]
    with patch("access.keys.secrets.compare_digest", wraps=keys.secrets.compare_digest) as compared:
        for presented in tried:
            with database.snapshot() as session:
                try:
                    keys.authenticate(session, presented)
                except keys.KeyInvalid as refusal:
                    said = str(refusal)
                    assert presented not in said or not presented
    assert compared.call_count == len(tried)
    assert all(len(call.args[1]) == 64 for call in compared.call_args_list)  # hashes, not what was presented


def test_what_is_wrong_with_a_key_is_not_told(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    """Unknown, revoked, of another form: one answer."""
    key = tenants.keys["first"]["read"]
    with stage.database.session() as session:
        keys.revoke(session, None, key.partition(".")[0].removeprefix("epochal_"))
    told = set()
    for presented in (key, f"{key[:-1]}_", f"epochal_nobody.{'a' * 43}", "nonsense"):
        problem = guarded.get("/v1/jobs", headers={"Authorization": f"Bearer {presented}"}).json()
        told.add((problem["code"], problem["detail"]))
    assert len(told) == 1


# Text

NASTY = {
    "SQL": "'; DROP TABLE jobs; --",
    "SQL, more of it": "x' OR '1'='1' UNION SELECT secret_sha256 FROM api_keys --",
    "LIKE": "%_\\%",
    "format": "%s %n {0} {spec} ${jndi:ldap://x} {{7*7}} $(id) `id`",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&",
    "a spreadsheet's formula": "=cmd|' /C calc'!A0",
    "quotes": "\"' \\ \\\\ \\n",
    "text turned around": "\u202egnp.exe",
    "no character": "\ufffe\uffff",
    "emoji": "\U0001f600" * 20,
    "TeX": "$\\frac{x}{",
}
NOT_ONE_LINE = {
    "ANSI escape": "\x1b[2J\x1b[31mred",
    "C1 escape": "\x9b31m",
    "line end": "x\nlevel=error event=forged",
    "carriage return": "x\rforged",
    "line separator": "x\u2028forged",
    "paragraph separator": "x\u2029forged",
    "NUL": "x\0y",
    "delete": "x\x7f",
}


@pytest.mark.parametrize("nasty", NASTY)
def test_text_stays_text(client: TestClient, stage: Stage, nasty: str) -> None:
    text = NASTY[nasty]
    body = {"name": text, "description": text, "tags": [text[:64]], "spec": SPEC}
    with everything_logged("logfmt") as log:
        job = client.post("/v1/jobs", json=body).json()
        webhook = client.post(
            "/v1/webhooks",
            json={"url": "https://receiver.invalid/x", "events": ["job.failed"], "description": text},
        ).json()
        key = client.post("/v1/keys", json={"name": text, "scopes": ["read"]}).json()
        for field in ("name", "tag", "dataset", "architecture"):
            found = client.get("/v1/jobs", params={field: text[:64]}).json()["data"]
            assert [row["id"] for row in found] == ([job["id"]] if (field, text[:64]) in exact(text) else [])
        picture = client.get(job["links"]["curves_svg"])
    assert (job["name"], job["description"], job["tags"]) == (text, text, [text[:64]])
    assert (webhook["description"], key["name"]) == (text, text)
    assert stage.jobs() == 1
    assert minidom.parseString(picture.content).documentElement.tagName == "svg"
    assert "<script" not in picture.text
    assert all(line.isprintable() for line in log.getvalue().splitlines())


def exact(text: str) -> set[tuple[str, str]]:
    """What finds a job that has `text` as its name, and its beginning as a tag."""
    return {("name", text), ("tag", text[:64])}


@pytest.mark.parametrize("nasty", NOT_ONE_LINE)
def test_what_would_forge_a_line_is_refused(client: TestClient, stage: Stage, nasty: str) -> None:
    text = NOT_ONE_LINE[nasty]
    job_id = stage.submit()
    bodies = [
        ("POST", "/v1/jobs", {"name": text, "spec": SPEC}),
        ("POST", "/v1/jobs", {"tags": [text], "spec": SPEC}),
        ("PATCH", f"/v1/jobs/{job_id}", {"name": text}),
        ("PATCH", f"/v1/jobs/{job_id}", {"tags": [text]}),
        ("POST", f"/v1/jobs/{job_id}/rerun", {"name": text}),
        ("POST", "/v1/keys", {"name": text, "scopes": ["read"]}),
        (
            "POST",
            "/v1/webhooks",
            {"url": "https://receiver.invalid/x", "events": ["job.failed"], "description": text},
        ),
    ]
    with everything_logged("logfmt") as log:
        for method, path, body in bodies:
            answer = client.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (method, path)
    assert "forged" not in log.getvalue()
    assert all(line.isprintable() for line in log.getvalue().splitlines())


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_is_logged_of_a_job_is_one_line_each(client: TestClient, stage: Stage, form: LogFormat) -> None:
    """A description may have several lines: no line of the log has them."""
    nasty = "first\nlevel=error event=forged\x1b[2J\u2028second"
    with everything_logged(form) as log:
        answer = client.post("/v1/jobs", json={"description": nasty, "spec": SPEC})
        client.get("/v1/jobs?nope=%0aforged%1b[2J", headers={"X-Request-ID": "forged\x1b"})
        client.get("/nope%0aforged")
    assert answer.json()["description"] == nasty
    assert "forged" not in log.getvalue()
    assert all(line.isprintable() for line in log.getvalue().splitlines())
    if form == "json":
        assert all(json.loads(line)["event"] for line in log.getvalue().splitlines())


# Browsers


def test_no_answer_sets_a_cookie_or_lets_another_origin_read(
    guarded: TestClient, tenants: Tenants, stage: Stage
) -> None:
    job_id = stage.submit(project="first")
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for method, path in (
        ("GET", "/livez"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", f"/v1/jobs/{job_id}"),
        ("POST", "/v1/jobs"),
        ("OPTIONS", "/v1/jobs"),
        ("GET", "/nope"),
    ):
        answer = guarded.request(method, path, headers={**tenants.header("first"), **origin, "Cookie": "session=x"})
        assert "set-cookie" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_cookie_is_no_key(guarded: TestClient, tenants: Tenants) -> None:
    key = tenants.keys["first"]["admin"]
    for headers in (
        {"Cookie": f"Authorization=Bearer {key}; key={key}"},
        {"X-API-Key": key},
        {"Proxy-Authorization": f"Bearer {key}"},
    ):
        assert guarded.get("/v1/jobs", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},
        {"Host": "127.0.0.1.elsewhere.example"},
        {"Host": "localhost.elsewhere.example"},
        {"Host": "127.0.0.1@elsewhere.example"},
        {"Host": "elsewhere.example#127.0.0.1"},
        {"Host": "0.0.0.0"},
        {"Host": "[::ffff:8.8.8.8]"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost.elsewhere.example:8000"},
        {"Host": "elsewhere.example", "X-Forwarded-Host": "127.0.0.1"},
        {"Host": "elsewhere.example", "Forwarded": "host=127.0.0.1"},
    ],
)
def test_a_page_that_a_browser_shows_gets_nothing_without_a_key(
    client: TestClient, stage: Stage, headers: dict[str, str]
) -> None:
    """Also not what it may send without asking first."""
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/livez"), ("GET", "/openapi.json")):
        answer = client.request(method, path, headers=headers, json={"spec": SPEC} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_local"), (method, path)
    assert stage.jobs() == 0
