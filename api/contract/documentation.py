"""The documentation page. It loads nothing from other hosts: Swagger UI is served from static/swagger-ui/."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.http.etags import etag_of, if_none_match_of, matches, not_modified
from api.http.preconditions import IfMatch, check_preconditions
from api.http.strict_route import KeylessRoute

STATIC = Path(__file__).parent / "static"

# The page may load from this API and call it, and nothing else. Swagger UI's icons are data: URLs.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# The path contains a hash of the content, so that a path's content never changes.
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    file: str
    media_type: str

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return (STATIC / self.file).read_bytes()


ASSETS: Mapping[str, Asset] = {
    "bundle": Asset("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "style": Asset("swagger-ui/swagger-ui.css", "text/css"),
    "favicon": Asset("swagger-ui/favicon-32x32.png", "image/png"),
    "start": Asset("docs.js", "text/javascript"),
}


class OpenApiDocument:
    """The OpenAPI document as bytes. It is made once, at the first request, in a thread."""

    def __init__(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._describe = describe
        self._making = asyncio.Lock()
        self._plain = self._packed = b""
        self._etag = ""

    async def answer(self, request: Request) -> Response:
        """The document, compressed for a client that accepts gzip; or 304."""
        async with self._making:
            if not self._plain:
                await run_in_threadpool(self._make)
        check_preconditions(request, self._etag)
        headers = {"ETag": self._etag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        etags = if_none_match_of(request)
        if etags and matches(etags, self._etag):
            return not_modified(self._etag, headers)
        if not _reads_gzip(",".join(request.headers.getlist("accept-encoding"))):
            return Response(self._plain, headers=headers, media_type="application/json")
        packed = {**headers, "Content-Encoding": "gzip", "ETag": f"W/{self._etag}"}
        return Response(self._packed, headers=packed, media_type="application/json")

    def _make(self) -> None:
        plain = json.dumps(self._describe(), ensure_ascii=False, separators=(",", ":")).encode()
        self._packed, self._etag = gzip.compress(plain, mtime=0), etag_of(plain)
        self._plain = plain


def documentation_router(describe: Callable[[], Mapping[str, Any]]) -> APIRouter:
    """Routes for `/docs`, its assets, and the document that `describe` makes. Reads the files once."""
    router = APIRouter(route_class=KeylessRoute, include_in_schema=False)
    contract = OpenApiDocument(describe)

    async def get_contract(request: Request, _expected: IfMatch = None) -> Response:
        return await contract.answer(request)

    router.add_api_route("/openapi.json", get_contract, methods=["GET"])
    addresses = {}
    for name, asset in ASSETS.items():
        content = asset.content
        address = f"docs/assets/{sha256(content).hexdigest()[:16]}/{Path(asset.file).name}"
        addresses[name] = address
        _serve(router, f"/{address}", content, asset.media_type, IMMUTABLE)
    page = Template((STATIC / "docs.html").read_text()).substitute(addresses).encode()
    _serve(router, "/docs", page, "text/html", {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
    return router


def _serve(router: APIRouter, path: str, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
    async def get_file() -> Response:
        return Response(content, media_type=media_type, headers=headers)

    router.add_api_route(path, get_file, methods=["GET"])


def _reads_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` allows gzip (RFC 9110, 12.5.3). A weight of 0 forbids it."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").removeprefix("q=").rstrip("0") not in ("", "0", "0.") or not weight
    return False
