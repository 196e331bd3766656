"""Signed links: a file each, for a minute, with what the key may do that signed them, and in no log."""

import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
from fastapi.testclient import TestClient

from access import keys, links
from access.errors import LinkExpired, LinkInvalid
from access.keys import Caller, Scope
from access.links import Signature, Target
from api.app import create_app
from api.service.signed_links import LINKED, LINKED_AS_CSV
from models import Database
from settings import Settings
from tests.api.attacks import everything_logged
from tests.api.conftest import A_JOB, LocalClient, Tenants, serving
from tests.api.test_attacks_tenants import Loot, operations
from tests.conftest import Databases
from tests.stage import Stage

CONTENT = bytes(range(200))


@pytest.fixture
def _databases(sqlite_databases: Databases) -> Databases:
    """What differs is the clock, which `test_a_link_ends_by_the_database_s_clock` asks on both."""
    return sqlite_databases


@pytest.fixture
def weights(stage: Stage) -> str:
    job_id = stage.submit(project="first")
    stage.succeed(stage.start(job_id), CONTENT)
    return f"/v1/jobs/{job_id}/weights"


def key_id(tenants: Tenants, scope: Scope = "read") -> str:
    return tenants.keys["first"][scope].partition(".")[0].removeprefix("epochal_")


def signed(client: TestClient, tenants: Tenants, path: str, scope: Scope = "read") -> str:
    answer = client.post("/v1/links", headers=tenants.header("first", scope), json={"paths": [path]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["url"])


def refused(answer: httpx2.Response, code: str = "link_invalid", status: int = 403) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_link_is_asked_without_a_key(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    paths = [weights, f"{weights.replace('weights', 'metrics')}?format=csv&limit=1", weights]
    answer = guarded.post("/v1/links", headers=tenants.header("first", "read"), json={"paths": paths})
    made = answer.json()["data"]
    assert [each["path"] for each in made] == paths
    assert answer.headers["cache-control"] == "no-store"
    for each in made:
        left = datetime.fromisoformat(each["expires_at"]) - datetime.now(UTC)
        assert timedelta(seconds=50) < left <= timedelta(seconds=links.LINK_SECONDS)
        assert re.fullmatch(re.escape(each["path"]) + r"[?&]signature=[a-z0-9]{26}\.[0-9]{10}\.[\w-]{43}", each["url"])
    got = guarded.get(made[0]["url"])
    assert (got.status_code, got.content) == (200, CONTENT)
    assert got.headers["cache-control"] == "private, no-cache"
    assert got.headers["referrer-policy"] == "no-referrer"
    assert got.headers["content-disposition"].startswith("attachment")
    head = guarded.head(made[0]["url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "200")
    assert guarded.get(made[1]["url"]).text.startswith("epoch,")
    assert guarded.get(made[0]["url"], headers={"If-None-Match": got.headers["etag"]}).status_code == 304


def test_a_part_of_a_file_is_asked_for_by_the_same_link(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    url = signed(guarded, tenants, weights)
    for first in (0, 100):
        part = guarded.get(url, headers={"Range": f"bytes={first}-{first + 9}"})
        assert (part.status_code, part.content) == (206, CONTENT[first : first + 10])


def test_every_operation_that_has_files_can_be_linked_and_no_other(
    guarded: TestClient, tenants: Tenants, stage: Stage
) -> None:
    loot = Loot(guarded, tenants, stage)
    found = set()
    for method, template, operation in operations(guarded):
        name = operation["operationId"]
        query = "?format=csv" if name in LINKED_AS_CSV else ""
        path = loot.path(template).replace("/files/" + loot.path("{file}"), "/files/model.safetensors")
        body = {"paths": [path + query]}
        answer = guarded.post("/v1/links", headers=tenants.header("first", "read"), json=body)
        if name in LINKED | LINKED_AS_CSV and method == "GET":
            found.add(name)
            got = guarded.get(answer.json()["data"][0]["url"])
            own = guarded.get(path + query, headers=tenants.header("first", "read"))
            assert (got.status_code, got.headers["content-type"]) == (own.status_code, own.headers["content-type"])
            assert "public" not in got.headers["cache-control"], name
            assert got.status_code < 500, got.text
        elif method == "GET":
            assert answer.status_code == 422, (method, template)
            assert answer.json()["errors"][0]["pointer"] == "#/paths/0"
    assert found == LINKED | LINKED_AS_CSV


def test_links_of_what_has_no_file_do_not_help(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    """Also where somebody could sign them."""
    job = weights.removesuffix("/weights")
    for method, path in (
        *(("GET", path) for path in ("/v1/jobs", job, f"{job}/metrics", f"{job}/stream", "/v1/caller", "/v1/keys")),
        ("POST", f"{job}/cancel"),
        ("POST", "/v1/links"),
        ("POST", f"{job}/rerun"),
        ("DELETE", job),
        ("PATCH", job),
    ):
        refused(guarded.request(method, f"{path}?signature={_forged(tenants, path)}"))
    assert guarded.get(f"{weights}?signature={_forged(tenants, weights)}").status_code == 200  # the forger can forge


def _forged(tenants: Tenants, path: str, *, seconds: int = 30, scope: Scope = "read", **others: Any) -> str:
    """What nobody can make who has not the database: a signature for whatever one likes."""
    secret = tenants.keys["first"][scope].partition(".")[2]
    expires = int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp())
    target = Target(path, others.get("query", []))
    return str(Signature(key_id(tenants, scope), expires, links._code(keys._hashed(secret), target, expires)))


def test_another_method_gets_nothing(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    url = signed(guarded, tenants, weights, "admin")
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert guarded.request(method, url).status_code == 405
    query = url.partition("?")[2]
    for method, path in (("DELETE", weights.removesuffix("/weights")), ("POST", "/v1/jobs"), ("POST", "/v1/keys")):
        refused(guarded.request(method, f"{path}?{query}"))


def test_another_address_gets_nothing(guarded: TestClient, tenants: Tenants, stage: Stage, weights: str) -> None:
    other = stage.submit(project="first")
    stage.succeed(stage.start(other), b"others")
    url = signed(guarded, tenants, weights)
    query = url.partition("?")[2]
    for path in (f"/v1/jobs/{other}/weights", weights.replace("weights", "predictions"), f"{weights}/"):
        answer = guarded.get(f"{path}?{query}")
        assert answer.status_code == 404 if path.endswith("/") else answer.json()["code"] == "link_invalid"
    csv = signed(guarded, tenants, f"{weights.replace('weights', 'metrics')}?format=csv&limit=1")
    for changed in ("limit=2", "limit=1&max_points=9", "limit=1&limit=1", ""):
        refused(guarded.get(csv.replace("limit=1", changed)))
    refused(guarded.get(csv.replace("format=csv&limit=1", "limit=1&format=csv")))
    assert guarded.get(csv).status_code == 200


def test_how_an_address_is_written_is_no_matter(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    """A browser writes some characters otherwise than they were sent."""
    Loot(guarded, tenants, stage)
    url = signed(guarded, tenants, "/v1/datasets/pets/versions/1/samples.png?class=firsts-own-word&seed=1")
    assert guarded.get(url).status_code == 200
    assert guarded.get(url.replace("pets", "%70ets").replace("class=firsts", "class=%66irsts")).status_code == 200


CHANGES: tuple[Callable[[str], str], ...] = (
    lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"),
    lambda url: url[:-1],
    lambda url: url + "A",
    lambda url: url + "=",
    lambda url: url.replace("signature=", "signature=x"),
    lambda url: re.sub(r"\.(\d+)\.", lambda found: f".{int(found[1]) + 60}.", url),
    lambda url: re.sub(r"\.(\d+)\.", ".99999999999999.", url),
    lambda url: url.partition("signature=")[0] + "signature=",
    lambda url: url + "&" + url.partition("?")[2],
    lambda url: url.partition("?")[0] + "?signature=a.1." + "A" * 43,
    lambda url: url + "&format=csv",
    lambda url: url.replace("?", "?%ff&"),
)


def test_a_changed_link_gets_nothing(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    url = signed(guarded, tenants, weights)
    for change in CHANGES:
        assert change(url) != url
        refused(guarded.get(change(url)))
    assert guarded.get(url).status_code == 200


def test_its_minute_is_over(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    for seconds in (0, -3600):
        answer = guarded.get(f"{weights}?signature={_forged(tenants, weights, seconds=seconds)}")
        refused(answer, "link_expired")
        assert "POST /v1/links" in answer.json()["detail"]
    # Whoever cannot sign does not learn that it would be late.
    late = _forged(tenants, weights, seconds=-1)
    refused(guarded.get(f"{weights}?signature={late[:-4]}AAAA"))


class TestOnBoth:
    @pytest.fixture
    def _databases(self, request: pytest.FixtureRequest) -> Databases:
        found: Databases = request.getfixturevalue(f"{request.param}_databases")
        return found

    @pytest.mark.parametrize("_databases", ["sqlite", "postgresql"], indirect=True)
    def test_a_link_ends_by_the_database_s_clock(
        self, database: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = Target("/v1/x", [("a", "b")])
        for seconds, valid in ((60, True), (0, False)):
            monkeypatch.setattr(links, "LINK_SECONDS", seconds)
            with database.snapshot() as session:
                [signature] = links.sign(session, key_id(tenants), [target])
                if valid:
                    caller = links.authenticate(session, signature, target)
                    assert caller == Caller("first", frozenset({"read"}), key_id(tenants))
                else:
                    with pytest.raises(LinkExpired):
                        links.authenticate(session, signature, target)


def test_it_ends_with_its_key(guarded: TestClient, tenants: Tenants, weights: str, database: Database) -> None:
    mine, others = (signed(guarded, tenants, weights, scope) for scope in ("read", "train"))
    assert guarded.get(mine).status_code == 200
    guarded.delete(f"/v1/keys/{key_id(tenants)}", headers=tenants.header("first", "admin"))
    refused(guarded.get(mine))
    assert guarded.get(others).status_code == 200
    with database.session() as session:
        keys.find(session, "first", key_id(tenants, "train")).expires_at = datetime.now(UTC) - timedelta(seconds=1)
    refused(guarded.get(others))


def test_it_may_what_its_key_may_when_it_is_used(
    guarded: TestClient, tenants: Tenants, weights: str, database: Database
) -> None:
    url = signed(guarded, tenants, weights)
    with database.session() as session:
        keys.find(session, "first", key_id(tenants)).scopes = []
    refused(guarded.get(url), "scope_missing")


def test_another_tenant_s_link_shows_nothing(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    """To sign is allowed, since nothing is looked up; to see is not."""
    answer = guarded.post("/v1/links", headers=tenants.header("second", "admin"), json={"paths": [weights]})
    url = answer.json()["data"][0]["url"]
    refused(guarded.get(url), "job_not_found", 404)
    theirs = tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_")
    refused(guarded.get(re.sub("signature=[a-z0-9]+", f"signature={theirs}", url)))


def test_a_link_counts_before_what_a_proxy_adds(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    """A proxy may add its own key to whatever it lets through, and a browser the password that a proxy asked it for."""
    url = signed(guarded, tenants, weights)
    added = (tenants.header("first"), tenants.header("second"), {"Authorization": "Basic dTpw"})
    for header in added:
        assert guarded.get(url, headers=header).content == CONTENT
        refused(guarded.get(f"{url[:-4]}AAAA", headers=header))
        refused(
            guarded.get(f"{weights}?signature={_forged(tenants, weights, seconds=0)}", headers=header), "link_expired"
        )
    query = url.partition("?")[2]
    answer = guarded.get(f"{weights.removesuffix('/weights')}?{query}", headers=tenants.header("first"))
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "signature")
    answer = guarded.request("DELETE", f"{weights.removesuffix('/weights')}?{query}", headers=tenants.header("first"))
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "signature")


def test_what_is_asked_by_a_link_counts_for_its_key(settings: Settings, tenants: Tenants, weights: str) -> None:
    narrow = settings.model_copy(update={"require_keys": True, "rate_limit": 22})
    curves = weights.replace("weights", "curves.svg")
    with LocalClient(create_app(narrow)) as client:
        url = signed(client, tenants, curves)
        answer = client.get(url)
        assert answer.status_code == 200
        assert answer.headers["RateLimit"].startswith('"key";r=1;')  # 1 for the link, 20 for the picture
        refused(client.get(url), "too_many_requests", 429)
        assert client.get("/v1/recipes", headers=tenants.header("first", "train")).status_code == 200


def test_whoever_tries_links_is_slowed_down(guarded: TestClient, tenants: Tenants, weights: str) -> None:
    codes = [guarded.get(f"{weights}?signature=a.1.{'A' * 43}").json()["code"] for _ in range(61)]
    assert codes == ["link_invalid"] * 60 + ["too_many_requests"]
    assert guarded.get(signed(guarded, tenants, weights)).status_code == 200


def test_it_is_compared_in_constant_time_also_where_there_is_no_such_key(database: Database, tenants: Tenants) -> None:
    with patch("hmac.compare_digest", wraps=hmac.compare_digest) as compared, database.snapshot() as session:
        for name in (key_id(tenants), "nobody"):
            with pytest.raises(LinkInvalid):
                links.authenticate(session, Signature(name, 1, "A" * 43), Target("/", []))
    assert compared.call_count == 2


def test_no_two_addresses_are_signed_alike() -> None:
    targets = [
        Target("/a", []),
        Target("/a", [("", "")]),
        Target("/a", [("b", "c")]),
        Target("/a", [("b", "c"), ("", "")]),
        Target("/a", [("b", ""), ("c", "")]),
        Target('/a", ["b", "c"]', []),
        Target("/a?b=c", []),
    ]
    assert len({links._code("k", target, 1) for target in targets}) == len(targets)
    assert links._code("k", targets[0], 1) != links._code("l", targets[0], 1) != links._code("l", targets[0], 2)


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_signature_is_in_no_log_and_no_error(
    guarded: TestClient, tenants: Tenants, weights: str, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = signed(guarded, tenants, weights)
    code = url.rpartition(".")[2]
    picture = signed(guarded, tenants, weights.replace("weights", "curves.svg"))

    def explode(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("broken")

    with everything_logged(form) as log:
        answers = [guarded.get(url), guarded.get(f"{url}A"), guarded.get(f"{url}&x=1"), guarded.get(f"/nope?{url}")]
        monkeypatch.setattr("api.routes.files.queries.weights_file", explode)
        answers += [guarded.get(url), guarded.get(picture)]
    assert [answer.status_code for answer in answers[:5]] == [200, 403, 403, 404, 500]
    said = log.getvalue()
    assert "/v1/jobs/{job_id}/weights" in said
    for secret in (code, picture.rpartition(".")[2]):
        assert secret not in said
        assert not any(secret in answer.text + str(answer.headers) for answer in answers if answer.status_code != 200)


def test_without_keys_a_path_is_its_own_link(client: TestClient) -> None:
    path = f"{A_JOB}/metrics?format=csv"
    assert client.post("/v1/links", json={"paths": [path]}).json() == {
        "data": [{"path": path, "url": path, "expires_at": None}]
    }
    assert client.get(f"{A_JOB}/weights?signature=a").status_code == 422


NO_FILES: tuple[tuple[list[str], str], ...] = (
    ([], "#/paths"),
    ([f"{A_JOB}/weights"] * 101, "#/paths"),
    ([f"{A_JOB}/weights", f"{A_JOB}/cancel"], "#/paths/1"),
    ([f"http://127.0.0.1:8000{A_JOB}/weights"], "#/paths/0"),
    ([f"{A_JOB}/weights#x"], "#/paths/0"),
    ([f"{A_JOB}/weights?signature=x"], "#/paths/0"),
    ([f"{A_JOB}/weights?%73ignature=x"], "#/paths/0"),
    ([f"{A_JOB}/metrics"], "#/paths/0"),
    ([f"{A_JOB}/metrics?format=json"], "#/paths/0"),
    ([f"{A_JOB}/weights/"], "#/paths/0"),
    ([f"/{A_JOB}/weights"], "#/paths/0"),
    ([f"{A_JOB}/wei ghts"], "#/paths/0"),
    ([f"{A_JOB}/weights\n"], "#/paths/0"),
    (["/" + "a" * 2000], "#/paths/0"),
    (["/jobs/x"], "#/paths/0"),
    (["/"], "#/paths/0"),
)


def test_what_is_no_file_is_not_signed(client: TestClient) -> None:
    for paths, pointer in NO_FILES:
        answer = client.post("/v1/links", json={"paths": paths})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer, paths


def test_behind_a_proxy_links_lead_through_it(settings: Settings, tenants: Tenants, weights: str) -> None:
    root = "/lab/epochal"
    with LocalClient(create_app(settings.model_copy(update={"require_keys": True, "root_path": root}))) as client:
        for path in (weights, root + weights):
            url = signed(client, tenants, path)
            assert url.startswith(f"{root}{weights}?signature=")
            assert client.get(url).status_code == 200
            assert client.get(url.removeprefix(root)).status_code == 200  # some proxies take their path away


def test_a_download_that_has_begun_goes_on(
    settings: Settings, tenants: Tenants, stage: Stage, database: Database
) -> None:
    job_id, content = stage.submit(project="first"), bytes(40_000_000)
    stage.succeed(stage.start(job_id), content)
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as address, httpx2.Client(base_url=address, timeout=60) as client:
        body = {"paths": [f"/v1/jobs/{job_id}/weights"]}
        made = client.post("/v1/links", headers=tenants.header("first", "read"), json=body)
        url = made.json()["data"][0]["url"]
        with client.stream("GET", url) as answer:
            blocks = answer.iter_raw(1_000_000)
            got = len(next(blocks))
            with database.session() as session:
                keys.revoke(session, "first", key_id(tenants))
            assert client.get(url).status_code == 403
            got += sum(map(len, blocks))
    assert got == len(content)


def test_the_kinds_of_errors_are_listed(front: TestClient) -> None:
    kinds = {kind["code"]: kind["status"] for kind in front.get("/problems").json()["data"]}
    assert (kinds["link_invalid"], kinds["link_expired"]) == (403, 403)
    document = front.get("/openapi.json").json()["paths"]
    assert "link_expired" in json.dumps(document["/v1/jobs/{job_id}/weights"])
    assert "link_expired" not in json.dumps(document["/v1/jobs/{job_id}"])
