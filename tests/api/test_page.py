"""The page's addresses: what is served, how a browser may keep it, and what it may run."""

import gzip
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.contract.files import MEDIA_TYPES, read_tree
from api.contract.page import PAGES, WEB, page_router
from tests.conftest import Databases

ROOT = "/lab/epochal"
IMPORT_MAP = '{"imports": {"preact": "$assets/vendor/preact.js"}}'
INDEX = f"""<!doctype html><html data-root="$root"><head>
<script type="importmap">{IMPORT_MAP}</script>
$preloads
<script type="module" src="$assets/scripts/app.js"></script></head></html>"""
FILES = {
    "index.html": INDEX,
    "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "scripts/app.js": 'import { t } from "./text.js";\nimport(`./views/${name}.js`);' * 20,
    "scripts/text.js": 'export { h } from "preact";\nimport {\n  t,\n} from "./app.js";',
    "scripts/views/jobs.js": "export default 1;",
    "styles/base.css": "a{color:red}" * 20,
    "text/en.js": "export default {};",
    "vendor/preact.js": "export const h = 1;",
    "vendor/preact.LICENSE": "MIT",
    "notes~": "an editor's",
    ".hidden/app.js": "nobody's",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "web"


def assets_of(page: str) -> str:
    [found] = re.findall('src="([^"]*)/scripts/app.js"', page)
    return str(found)


def local(folder: Path, root: str = "") -> TestClient:
    app = FastAPI()
    app.include_router(page_router(root, folder))
    return TestClient(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_the_same_document(front: TestClient, page: str) -> None:
    answer = front.get(re.sub(r"\{\w+\}", "x%20<b>", page))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == front.get("/").content
    head = front.head(re.sub(r"\{\w+\}", "x", page))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize(
    "address",
    [
        *("/jobs/", "/jobs/x/y", "/jobs/x/", "/new/x", "/datasets/a/1/x", "/settings/keys", "/index.html"),
        *("/assets", "/assets/", "/assets/x/scripts/app.js", "/web/scripts/app.js", "/scripts/app.js", "/favicon.ico"),
    ],
)
def test_what_is_no_page_is_not_there(front: TestClient, address: str) -> None:
    assert front.get(address).json()["code"] == "route_not_found"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("address", ["/nothing", "/jobs/", "/jobs/x/y", "/index.html", "/%ff"])
def test_a_browser_gets_a_page_that_says_so(front: TestClient, address: str) -> None:
    answer = front.get(address, headers={"Accept": BROWSER})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    page = front.get("/")
    assert answer.content == page.content
    assert answer.headers["content-security-policy"] == page.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png", "text/html;q=0.5,*/*", None])
def test_another_client_gets_a_problem(front: TestClient, accept: str | None) -> None:
    answer = front.get("/nothing", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        *(("GET", address, 404) for address in ("/v1/jobz", "/v2/x", "/assets/x/y.js")),
        *(("POST", "/nothing", 404), ("POST", "/jobs", 405)),
    ],
)
def test_the_api_answers_browsers_as_others(front: TestClient, method: str, address: str, status: int) -> None:
    answer = front.request(method, address, headers={"Accept": BROWSER})
    assert answer.status_code == status
    assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/scripts", "/index.html", "/notes~", "/.hidden/app.js", "/../page.py", "/scripts/../icon.svg",
     "/scripts/..%2ficon.svg", "/%2e%2e/x.js", "//icon.svg", "/icon.svg/", "/icon.svg%00", "/ICON.svg"],
)  # fmt: skip
def test_nothing_but_the_files_is_served(folder: Path, path: str) -> None:
    client = local(folder)
    address = f"{assets_of(client.get('/').text)}{path}"
    # The test's client would resolve dots, as a browser does.
    assert client.get(address).status_code == (200 if path == "/scripts/../icon.svg" else 404)


def test_every_file_that_the_page_loads_is_kept_for_ever(folder: Path) -> None:
    client = local(folder)
    base = assets_of(client.get("/").text)
    served = [name for name in FILES if Path(name).suffix in MEDIA_TYPES and not name.startswith(".")]
    assert len(served) == 8
    for name in served:
        answer = client.get(f"{base}/{name}", headers={"Accept-Encoding": "identity"})
        assert answer.content.decode() == FILES[name]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[Path(name).suffix]


def test_another_content_has_another_address(folder: Path) -> None:
    before = read_tree(folder)
    (folder / "text/en.js").write_text("export default {a: 1};")
    read_tree.cache_clear()
    assert read_tree(folder).digest != before.digest


def test_a_client_that_reads_gzip_gets_it(folder: Path) -> None:
    client = local(folder)
    address = f"{assets_of(client.get('/').text)}/scripts/app.js"
    plain = FILES["scripts/app.js"].encode()
    with client.stream("GET", address, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as answer:
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
        packed = b"".join(answer.iter_raw())
    assert gzip.decompress(packed) == plain
    for accepted in ("identity", "gzip;q=0", "br"):
        with client.stream("GET", address, headers={"Accept-Encoding": accepted}) as answer:
            assert "content-encoding" not in answer.headers
            assert answer.headers["vary"] == "Accept-Encoding"
            assert b"".join(answer.iter_raw()) == plain


def test_a_page_is_looked_at_anew_and_sent_once(folder: Path) -> None:
    client = local(folder)
    page = client.get("/jobs")
    assert page.headers["cache-control"] == "no-cache"
    again = client.get("/jobs", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == page.headers["content-security-policy"]
    assert client.get("/jobs", headers={"If-None-Match": '"x"'}).status_code == 200


def test_its_policy_allows_the_import_map_and_no_other_script(folder: Path) -> None:
    for root in ("", ROOT):
        page = local(folder, root).get("/")
        [script] = re.findall('<script type="importmap">(.*?)</script>', page.text)
        assert f"{root}/assets/" in script
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert policy == {
            "default-src": "'none'",
            "script-src": f"'self' 'sha256-{digest}'",
            "style-src": "'self'",
            "img-src": "'self' blob: data:",
            "connect-src": "'self'",
            "worker-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }


def test_what_every_page_needs_is_loaded_ahead_and_no_view(folder: Path) -> None:
    page = local(folder, ROOT).get("/").text
    base = assets_of(page)
    assert base.startswith(f"{ROOT}/assets/")
    assert re.findall('<link rel="modulepreload" href="([^"]+)">', page) == [
        f"{base}/{name}" for name in ("scripts/app.js", "scripts/text.js", "vendor/preact.js")
    ]


def test_its_query_is_for_its_scripts(front: TestClient) -> None:
    assert front.get("/jobs?status=running&columns=a,b&%ff").status_code == 200
    assert front.get("/livez?status=running").status_code == 422


def test_no_answer_reads_a_file(front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    base = assets_of(front.get("/").text)

    def read(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("open", "read_bytes", "read_text", "stat"):
        monkeypatch.setattr(Path, name, read)
    monkeypatch.setattr("builtins.open", read)
    for address in ("/", "/jobs/x", f"{base}/scripts/app.js", "/docs"):
        assert front.get(address).status_code == 200


@pytest.fixture
def _databases(sqlite_databases: Databases) -> Databases:
    """No answer here depends on one."""
    return sqlite_databases


def test_nobody_needs_a_key_to_see_it(guarded: TestClient) -> None:
    page = guarded.get("/jobs")
    assert page.status_code == 200
    assert guarded.get(f"{assets_of(page.text)}/scripts/app.js").status_code == 200
    assert guarded.get("/v1/jobs").json()["code"] == "key_missing"


def test_the_log_tells_pages_apart(folder: Path) -> None:
    """It knows an address by its endpoint."""
    endpoints = [route.endpoint for route in page_router("", folder).routes if isinstance(route, APIRoute)]
    assert len(set(endpoints)) == len(PAGES) + 1


def test_everything_that_the_real_page_names_is_there(front: TestClient) -> None:
    page = front.get("/").text
    loaded = re.findall('(?:href|src)="(/assets/[^"]+)"', page) + re.findall('": "(/assets/[^"]+)"', page)
    assert len(loaded) > 5
    for address in loaded:
        assert front.get(address).status_code == 200, address
    unserved = [
        path for path in WEB.rglob("*")
        if path.is_file() and path.suffix not in MEDIA_TYPES and path.name != "index.html"
    ]  # fmt: skip
    assert unserved == []


def test_every_module_that_a_module_imports_is_there() -> None:
    files = read_tree(WEB).files
    for name, content in files.items():
        if name.startswith(("scripts/", "text/")):
            for path in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""", content.plain.decode()):
                found = (WEB / name).parent.joinpath(path).resolve().relative_to(WEB.resolve()).as_posix()
                assert found in files, f"{name} imports {path}"
