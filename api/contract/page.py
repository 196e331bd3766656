"""The page: `web/`, at the addresses that a browser shows. What it shows, it asks the API for."""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template

from fastapi import APIRouter

from api.contract.files import REVALIDATED, Content, Tree, content_policy, read_tree
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

_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


class PageRoute(KeylessRoute):
    """A page that a browser shows. Its query is for the page's scripts."""

    checks_query = False


@cache
def page_router(root: str, folder: Path = WEB) -> APIRouter:
    """Routes for the pages and what they load, below the proxy's path `root`. All applications of a process share
    them."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    tree = read_tree(folder)
    tree.serve(router, ASSETS)
    document = _document(root, tree, (folder / "index.html").read_text())
    headers = {
        **REVALIDATED,
        "Content-Security-Policy": content_policy(_script_hash(document)),
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    page = Content.of(document.encode(), "text/html")
    for path in PAGES:
        page.serve(router, path, headers)
    return router


def _document(root: str, tree: Tree, template: str) -> str:
    assets = root + tree.below(ASSETS)
    preloads = "\n".join(f'<link rel="modulepreload" href="{assets}/{path}">' for path in _modules(tree))
    return Template(template).substitute(root=root, assets=assets, preloads=preloads)


def _modules(tree: Tree) -> Iterator[str]:
    return (path for path in tree.files if path.startswith(("scripts/", "vendor/")) and path.endswith(".js"))


def _script_hash(document: str) -> str:
    """The hash of the import map, the one script that must stand in the document itself."""
    found = _IMPORT_MAP.search(document)
    return b64encode(sha256(found[1].encode()).digest()).decode() if found else ""
