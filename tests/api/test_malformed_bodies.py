"""Bodies that cannot be read, and how that is told."""

import codecs
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import A_JOB
from tests.stage import Stage

SPEC: dict[str, Any] = {"dataset": "digits"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"spec": {"dataset": "digits"}, "name": ', "It is no JSON from line 1, column 41 on: it ends too early."),
        (b'{"spec":\n {"dataset": "digits"}}}', "It is no JSON from line 2, column 24 on: '}' does not belong there."),
        (b"\xff", "Byte 0 is not UTF-8."),
        ('{"name": "é"}'.encode("latin-1"), "Byte 10 is not UTF-8."),
        ("{}".encode("utf-16"), "It is UTF-16: send UTF-8."),
        ("{}".encode("utf-16-le"), "It is UTF-16: send UTF-8."),
        ("[1]".encode("utf-16-be"), "It is UTF-16: send UTF-8."),
        ("{}".encode("utf-32"), "It is UTF-32: send UTF-8."),
        ("{}".encode("utf-32-be"), "It is UTF-32: send UTF-8."),
        ("{}".encode("utf-16").decode("latin-1").encode(), None),
        (b'{"spec": {"dataset": "digits", "seed": 1, "seed": 2}}', "An object in it has 'seed' twice."),
        (b"[" * 190_000, "It is nested too deeply."),
        (b'{"a":' * 38_000, "It is nested too deeply."),
        (b'{"spec": {"dataset": "digits", "seed": ' + b"1" * 10_000 + b"}}", "A number in it has too many digits."),
    ],
)
def test_body_that_is_no_json(front: TestClient, content: bytes, detail: str | None) -> None:
    answer = front.post("/v1/jobs", content=content, headers=JSON)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "malformed_body")
    assert detail is None or problem["detail"] == detail


@pytest.mark.parametrize(
    ("content", "column", "fault"),
    [
        (b"{'a': 1}", 2, "texts stand in double quotes."),
        (b'{"a": 1,}', 9, "there is a comma too many in front of it."),
        (b'{"a": [1,]}', 10, "there is a comma too many in front of it."),
        (b'{"a": True}', 7, "True is not a value here: JSON has true, false and null."),
        (b'{"a": 1} // x', 10, "JSON has no comments."),
        (b'{"a": "x\ty"}', 9, "a control character in a text is written with a backslash, a line break as \\n."),
        (b'{"a": "C:\\data"}', 10, "there is no such escape in a text: a backslash itself is written \\\\."),
        (b'{"a": "x}', 7, "a text is not closed, or a comma or colon is missing."),
        (b'{"a" 1}', 6, "'1' does not belong there."),
        (b"{a: 1}", 2, "'a' does not belong there."),
    ],
)
def test_what_is_no_json_is_told_in_our_words(front: TestClient, content: bytes, column: int, fault: str) -> None:
    problem = front.post("/v1/jobs", content=content, headers=JSON).json()
    assert problem["detail"] == f"It is no JSON from line 1, column {column} on: {fault}"


def test_a_byte_order_mark_is_no_part_of_a_body(client: TestClient) -> None:
    """PowerShell and editors on Windows write one."""
    body = codecs.BOM_UTF8 + b'{"spec": {"dataset": "digits"}}'
    assert client.post("/v1/jobs", content=body, headers=JSON).status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_as_such(front: TestClient, coding: str) -> None:
    answer = front.post("/v1/jobs", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_content_encoding")
    assert answer.headers["accept-encoding"] == "identity"


def test_a_part_of_a_body_is_refused_as_such(front: TestClient) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={**JSON, "Content-Range": "bytes 0-1/200"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_takes_no_body_says_so(front: TestClient, method: str) -> None:
    problem = front.request(method, A_JOB, content=b'{"reason": "x"}', headers=JSON).json()
    assert problem["errors"] == [{"pointer": "#", "detail": "should not be there: this operation takes no body"}]
    problem = front.post(f"{A_JOB}/cancel", json={"reason": "x"}).json()
    assert problem["errors"][0]["pointer"] == "#"
    assert front.post(f"{A_JOB}/cancel", json={}).json()["code"] != "invalid_request"


def test_a_merge_patch_is_one_by_either_name(client: TestClient, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit()}"
    for kind in ("application/merge-patch+json", "application/json"):
        answer = client.patch(address, content=json.dumps({"name": kind}), headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["name"]) == (200, kind)
    answer = client.patch(address, content="[]", headers={"Content-Type": "application/json-patch+json"})
    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == "application/merge-patch+json"
    assert "application/merge-patch+json" in client.put(address).headers["accept-patch"]


def test_huge_numbers_are_no_accident(front: TestClient) -> None:
    for number in ("1e999", "1" * 400):
        content = '{"spec": {"dataset": "digits", "optimizer": {"name": "sgd", "learning_rate": %s}}}' % number  # noqa: UP031  # JSON has braces
        answer = front.post("/v1/jobs", content=content, headers=JSON)
        assert answer.json()["errors"][0]["pointer"] == "#/spec/optimizer/learning_rate"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "json",
        "",
        "application/merge-patch+json",
        "application/json; charset=utf-16",
        "application/json;charset=latin-1",
    ],
)
def test_body_of_another_type(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        'application/json;Charset="UTF-8"',
        "application/json; charset=us-ascii",
    ],
)
def test_json_however_it_is_called(front: TestClient, media_type: str) -> None:
    answer = front.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 422
