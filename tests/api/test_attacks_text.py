"""Nothing that a client writes is more than text to whoever reads it; and a page that a browser shows gets nothing."""

import json
from xml.dom import minidom

import pytest
from fastapi.testclient import TestClient

from logs import LogFormat
from tests.api.attacks import everything_logged
from tests.api.conftest import Tenants
from tests.conftest import Databases
from tests.stage import Stage


@pytest.fixture
def _databases(postgresql_databases: Databases) -> Databases:
    """On the stricter of the two alone, which takes neither NUL nor a number that is too large."""
    return postgresql_databases


SPEC = {"dataset": "digits"}

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
    drawing = minidom.parseString(picture.content).documentElement
    assert drawing is not None
    assert drawing.tagName == "svg"
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
