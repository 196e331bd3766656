"""The API's documentation as a page, which needs nothing from outside: Swagger UI is served from static/swagger-ui/."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import Template

from fastapi import APIRouter, Response

from api.strict_route import StrictRoute

STATIC = Path(__file__).parent / "static"

# The page may load what this API has, ask this API, and nothing else. Swagger UI draws its icons from data addresses.
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

# Another content has another address.
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    file: str
    media_type: str

    @property
    def content(self) -> bytes:
        """As it lies there."""
        return (STATIC / self.file).read_bytes()


ASSETS: Mapping[str, Asset] = {
    "bundle": Asset("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "style": Asset("swagger-ui/swagger-ui.css", "text/css"),
    "favicon": Asset("swagger-ui/favicon-32x32.png", "image/png"),
    "start": Asset("docs.js", "text/javascript"),
}


def documentation() -> APIRouter:
    """`/docs` and what it loads. Reads the files once."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)
    addresses = {}
    for name, asset in ASSETS.items():
        content = asset.content
        address = f"docs/assets/{sha256(content).hexdigest()[:16]}/{Path(asset.file).name}"
        addresses[name] = address
        _serve(router, f"/{address}", content, asset.media_type, FOR_EVER)
    page = Template((STATIC / "docs.html").read_text()).substitute(addresses).encode()
    _serve(router, "/docs", page, "text/html", {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
    return router


def _serve(router: APIRouter, path: str, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
    async def get_file() -> Response:
        return Response(content, media_type=media_type, headers=headers)

    router.add_api_route(path, get_file, methods=["GET"])
