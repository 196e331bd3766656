"""The API below a path of a proxy, as `https://lab.example/epochal/v1/jobs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

# Of the request that is being answered. Addresses are made in many places, most of which see neither it nor settings.
_root: ContextVar[str] = ContextVar("root_path", default="")


def public_path(path: str) -> str:
    """Where a client of this request finds what is at `path` here."""
    return f"{_root.get()}{path}"


@contextmanager
def using_root_path(root: str) -> Iterator[None]:
    """Addresses that are made meanwhile are below `root`."""
    token = _root.set(root)
    try:
        yield
    finally:
        _root.reset(token)


class RootPath:
    """Takes requests with `root` in front of their path and without, since some proxies take it away and others do
    not, and names addresses with it.
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
