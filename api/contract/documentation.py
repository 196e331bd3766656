"""The documentation page: Swagger UI within the page's frame. It loads nothing from other hosts: Swagger UI is served
from static/swagger-ui/."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.contract.files import REVALIDATED, Content, content_policy, read_tree
from api.contract.page import ASSETS as PAGE_ASSETS
from api.contract.page import WEB
from api.http.preconditions import IfMatch
from api.http.strict_route import KeylessRoute

STATIC = Path(__file__).parent / "static"
ASSETS = "/docs/assets"


class OpenApiDocument:
    """The OpenAPI document as bytes. It is made once, at the first request, in a thread."""

    def __init__(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._describe = describe
        self._making = asyncio.Lock()
        self._content: Content | None = None

    async def content(self) -> Content:
        """The document."""
        async with self._making:
            if self._content is None:
                self._content = await run_in_threadpool(self._made)
        return self._content

    def _made(self) -> Content:
        plain = json.dumps(self._describe(), ensure_ascii=False, separators=(",", ":")).encode()
        return Content.of(plain, "application/json")


def documentation_router(root: str, describe: Callable[[], Mapping[str, Any]]) -> APIRouter:
    """Routes for `/docs`, below the proxy's path `root`, its assets, and the document that `describe` makes."""
    router = APIRouter(route_class=KeylessRoute, include_in_schema=False)
    contract = OpenApiDocument(describe)

    async def get_contract(request: Request, _expected: IfMatch = None) -> Response:
        return (await contract.content()).answer(request, REVALIDATED)

    router.add_api_route("/openapi.json", get_contract, methods=["GET"])
    tree = read_tree(STATIC)
    tree.serve(router, ASSETS)
    text = Template((STATIC / "docs.html").read_text()).substitute(
        root=root, assets=root + tree.below(ASSETS), page=root + read_tree(WEB).below(PAGE_ASSETS)
    )
    document = Content.of(text.encode(), "text/html")
    document.serve(router, "/docs", {**REVALIDATED, "Content-Security-Policy": content_policy()})
    return router
