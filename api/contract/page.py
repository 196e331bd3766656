"""The page: `web/`, at the addresses that a browser shows. What it shows, it asks the API for."""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from json import loads
from pathlib import Path
from posixpath import dirname, join, normpath
from string import Template

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from api.contract.files import REVALIDATED, Content, Tree, content_policy, read_tree
from api.http.negotiation import VARY, prefers
from api.http.problems import MEDIA_TYPE
from api.http.strict_route import KeylessRoute

WEB = Path(__file__).parents[2] / "web"
ASSETS = "/assets"

# All of them answer with the same document, whose scripts look at the address. Whether there is a job with that id, the
# page finds out with the reader's key.
PAGES = (
    *("/", "/jobs", "/jobs/{id}", "/compare", "/new"),
    *("/datasets", "/datasets/{name}", "/datasets/{name}/{version}", "/models", "/models/{id}"),
    *("/sweeps", "/sweeps/{id}", "/experiments", "/experiments/{name}", "/workers", "/settings"),
)

START = "scripts/app.js"

_NO_PAGES = re.compile(r"/(v\d+|assets)(/|$)")  # below these are the API and files

_IMPORT = re.compile(r'\bfrom ?"([^"]+)"')  # of a module; `import("…")` is none
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


class PageRoute(KeylessRoute):
    """A page that a browser shows. Its query is for the page's scripts."""

    checks_query = False


@cache
def page_router(root: str, folder: Path = WEB) -> APIRouter:
    """Routes for the pages and what they load, below the proxy's path `root`. All applications of a process share
    them."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    read_tree(folder).serve(router, ASSETS)
    page, headers = _page(root, folder)
    for path in PAGES:
        page.serve(router, path, headers)
    return router


def answer_browsers(app: FastAPI, root: str, folder: Path = WEB) -> None:
    """Answer a browser that opens an unknown address outside the API with the page, which says so, and status 404.
    Every other client gets what the application's own handler answers."""
    page, headers = _page(root, folder)
    otherwise = app.exception_handlers[HTTPException]

    def answer(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.NOT_FOUND and _is_for_page(request):
            return Response(page.plain, HTTPStatus.NOT_FOUND, {**headers, **VARY}, media_type=page.media_type)
        found = otherwise(request, error)
        assert isinstance(found, Response)
        return found

    app.exception_handlers[HTTPException] = answer


def _is_for_page(request: Request) -> bool:
    asks = request.method in ("GET", "HEAD") and not _NO_PAGES.match(request.scope["path"])
    return asks and prefers(request.headers.getlist("accept"), "text/html", MEDIA_TYPE)


@cache
def _page(root: str, folder: Path) -> tuple[Content, Mapping[str, str]]:
    """The document, and the headers that it is answered with."""
    document = _document(root, read_tree(folder), (folder / "index.html").read_text())
    headers = {
        **REVALIDATED,
        "Content-Security-Policy": content_policy(_script_hash(document)),
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return Content.of(document.encode(), "text/html"), headers


def _document(root: str, tree: Tree, template: str) -> str:
    assets = root + tree.below(ASSETS)
    preloads = "\n".join(f'<link rel="modulepreload" href="{assets}/{path}">' for path in _modules(tree, template))
    return Template(template).substitute(root=root, assets=assets, preloads=preloads)


def _modules(tree: Tree, template: str) -> list[str]:
    """The paths of the modules that every page needs: `START` and all that it imports, directly or not. What is
    imported only when it is shown, such as a view, is not among them. Without this list a browser would find them one
    by one."""
    found, to_read = [], [START] if START in tree.files else []
    bare = {name: path.removeprefix("$assets/") for name, path in _imports(template).items()}
    while to_read:
        path = to_read.pop()
        found.append(path)
        for name in _IMPORT.findall(tree.files[path].plain.decode()):
            imported = bare.get(name) or normpath(join(dirname(path), name))
            if imported not in found and imported not in to_read:
                to_read.append(imported)
    return sorted(found)


def _imports(template: str) -> dict[str, str]:
    """What the import map says of names that are no paths."""
    found = _IMPORT_MAP.search(template)
    return loads(found[1])["imports"] if found else {}


def _script_hash(document: str) -> str:
    """The hash of the import map, the one script that must stand in the document itself."""
    found = _IMPORT_MAP.search(document)
    return b64encode(sha256(found[1].encode()).digest()).decode() if found else ""
