"""The API below a path of a proxy, such as `/epochal` in `https://lab.example/epochal/v1/jobs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

# A context variable, since links are made in many places, most of which have neither the request nor the settings.
_root: ContextVar[str] = ContextVar("root_path", default="")


def public_path(path: str) -> str:
    """The path by which the client reaches `path`: behind a proxy, its root path stands in front."""
    return f"{_root.get()}{path}"


@contextmanager
def using_root_path(root: str) -> Iterator[None]:
    """Within this context, `public_path` puts `root` in front."""
    token = _root.set(root)
    try:
        yield
    finally:
        _root.reset(token)


class RootPath:
    """Accepts request paths with `root` in front and without, since some proxies remove it and others do not. All
    links in answers have it.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self._root = root
        self._raw = root.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._root:
            rest = scope["path"].removeprefix(self._root)
            if rest != scope["path"] and rest[:1] in ("", "/"):
                scope = {**scope, "path": rest or "/", "raw_path": scope["raw_path"].removeprefix(self._raw) or b"/"}
        with using_root_path(self._root):
            await self.app(scope, receive, send)
