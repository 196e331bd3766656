"""A key is nowhere but with who has it, nor a webhook's secret but in one place."""

import logging
import re
import secrets
from pathlib import Path
from unittest.mock import patch

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import text as sql

from access import keys
from access.errors import KeyInvalid
from logs import LogFormat
from models import Base, Database
from tests.api.attacks import TELLTALE, everything_logged
from tests.api.conftest import Tenants
from tests.stage import Stage

SPEC = {"dataset": "digits"}


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
        raise RuntimeError("SELECT secret_sha256 FROM api_keys -- /srv/api/x.py")

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", explode)
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
    secret_parts = [key.partition(".")[2] for scopes in tenants.keys.values() for key in scopes.values()]
    assert len(set(secret_parts)) == len(secret_parts)
    assert all(len(secret) * 6 >= 256 for secret in secret_parts)  # base64: 6 bits a character


def test_a_secret_is_compared_in_constant_time_also_where_there_is_no_such_key(
    database: Database, tenants: Tenants
) -> None:
    key = tenants.keys["first"]["read"]
    tried = [key, f"{key[:-1]}_", f"epochal_nobody.{'a' * 43}", "nonsense", ""]
    with patch("secrets.compare_digest", wraps=secrets.compare_digest) as compared:
        for presented in tried:
            with database.snapshot() as session:
                try:
                    keys.authenticate(session, presented)
                except KeyInvalid as refusal:
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


def test_libraries_that_sign_requests_are_not_heard() -> None:
    """At `debug`, those that talk to S3 write the headers that they sign, and a session's token among them."""
    with everything_logged("logfmt") as log:
        for name in ("botocore.auth", "botocore.endpoint", "aiobotocore.httpsession", "s3fs", "fsspec"):
            logging.getLogger(name).debug("x-amz-security-token:SECRET")
    assert "SECRET" not in log.getvalue()
