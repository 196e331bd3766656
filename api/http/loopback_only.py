"""Protects an API that requires no keys: only programs on the same machine may call it, and no web page may.

Listening on the loopback is not enough: a browser on that machine sends requests there for any page that it shows.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problem_kinds import NOT_LOCAL
from api.http.problems import problem

_PORTS = {"http": 80, "https": 443}


FOREIGN_ORIGIN = "Without API keys, the API answers to no page of another origin."


class LoopbackOnly:
    """Refuses requests that a page of another origin makes a browser send to the loopback.

    - DNS rebinding: the attacker's host name resolves to 127.0.0.1. The browser sends that name in `Host`, so `Host`
      must name the loopback, or `own_host`, the address that the API listens on.
    - Forms and scripts of another origin: the browser sends that origin in `Origin`.
    - Images, style sheets and the like, without a script: the browser sends `Sec-Fetch-Site`.
    """

    def __init__(self, app: ASGIApp, own_host: str) -> None:
        self.app = app
        self._own_host = own_host.strip("[]").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = self._refusal(Headers(scope=scope), scope["method"]) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await problem(NOT_LOCAL, scope, refusal)(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> str | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = _authority("http", hosts[0]) if len(hosts) == 1 else None
        if host is None or not self._is_local(host[0]):
            return (
                "Without API keys, the API answers to 127.0.0.1, [::1] and localhost alone: ask for one of them, "
                "or set EPOCHAL_REQUIRE_KEYS and use a key."
            )
        if origins and origins != [""] and not all(_same_origin(origin, hosts[0]) for origin in origins):
            return FOREIGN_ORIGIN
        # A page loads images without an Origin; Sec-Fetch-Site still tells that the page is of another origin. To
        # follow a link to the API is allowed: it shows an answer to the user, and to no page.
        from_elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        is_followed = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
        if from_elsewhere and not (is_followed and method == "GET"):
            return FOREIGN_ORIGIN
        return None

    def _is_local(self, host: str) -> bool:
        try:
            return ip_address(host).is_loopback or host == self._own_host
        except ValueError:
            name = host.removesuffix(".")
            return name in ("localhost", self._own_host) or name.endswith(".localhost")


def _authority(scheme: str, authority: str) -> tuple[str, int] | None:
    """Host and port of `authority`; None where it is not valid."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname, _PORTS[scheme] if port is None else port


def _same_origin(origin: str, host: str) -> bool:
    """Whether `origin` names the same host and port as the `Host` header. Its scheme may be http or https: the API does
    not know whether a proxy in front of it terminates TLS."""
    scheme, separator, authority = origin.lower().partition("://")
    if not separator or scheme not in _PORTS:
        return False
    asked = _authority(scheme, host)
    return asked is not None and _authority(scheme, authority) == asked
