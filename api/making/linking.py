"""Checks the addresses that somebody wants signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from access.links import Signature, Target
from api.http.errors import InvalidRequest
from api.http.query_parameters import LINK_SIGNATURE
from api.http.root_path import public_path
from api.service.signed_links import may_be_linked, target_of


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be signed."""

    asked: str  # as the client wrote it
    path: str  # without the path of a proxy
    query: str
    target: Target

    def url(self, signature: Signature | None) -> str:
        """Where the file is, by way of the proxy."""
        parts = [self.query] if self.query else []
        if signature is not None:
            parts.append(f"{LINK_SIGNATURE}={signature}")
        return public_path(self.path) + ("?" + "&".join(parts) if parts else "")


def addresses(app: FastAPI, paths: Sequence[str]) -> Sequence[Address]:
    """These addresses, all of files or pictures. Raises InvalidRequest."""
    found = [_address(path) for path in paths]
    errors = [
        {"pointer": f"#/paths/{number}", "detail": wrong}
        for number, address in enumerate(found)
        if (wrong := _wrong(app, address))
    ]
    if errors:
        raise InvalidRequest(errors, len(errors))
    return found


def _address(asked: str) -> Address:
    path, _, query = asked.partition("?")
    root = public_path("")
    if path.startswith(f"{root}/"):  # links in answers have it
        path = path.removeprefix(root)
    return Address(asked, path, query, target_of(unquote(path), query.encode()))


def _wrong(app: FastAPI, address: Address) -> str | None:
    if "#" in address.asked:
        return "should have no fragment: it never reaches the service"
    if any(name == LINK_SIGNATURE for name, _ in address.target.query):
        return "should have no signature yet"
    if not may_be_linked(_operation(app, address.target.path), address.target):
        return "should be the address of a file or a picture, such as /v1/jobs/{job_id}/weights"
    return None


def _operation(app: FastAPI, path: str) -> str | None:
    """The id of the operation that a GET of `path` is."""
    for route in iter_route_contexts(app.routes):
        if "GET" in (route.methods or ()) and route.path_regex.match(path):
            return str(route.operation_id)
    return None
