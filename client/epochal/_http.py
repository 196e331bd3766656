"""What requests have in common, whether they wait or are awaited: addresses, keys, retries, and errors in answers."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx2

from epochal.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    EpochalError,
    LocalError,
    RateLimitError,
    UnexpectedAnswerError,
    status_error,
    without_login,
)
from epochal.patience import asked_for, before_retry, may_pass

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 5  # together, their waits are long enough for a service to start again
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0  # seconds before a retry; each wait is twice the one before
MAX_RETRY_AFTER = 120.0  # seconds. If the service asks to wait longer, the error is raised instead

# Errors after which it is certain that nothing has arrived.
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
IN_FLIGHT = "request_pending"  # the code of the answer to a request whose Idempotency-Key is being worked on


@dataclass(frozen=True)
class Options:
    """How a client sends its requests. `timeout` is in seconds, for each connection, write and read."""

    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise LocalError(f"timeout should be more than 0 seconds, not {self.timeout}", code="invalid_request")
        if self.max_retries < 0:
            raise LocalError(f"max_retries should be at least 0, not {self.max_retries}", code="invalid_request")


class Backoff:
    """The waits before the retries of one request: longer each time, and never at once for many clients."""

    def __init__(self, retries: int) -> None:
        self._left = retries
        self._seconds = FIRST_WAIT

    def wait(self, reason: EpochalError) -> float:
        """Seconds to wait before the next retry, at least as long as the service asks to. Raises `reason` if no retry
        is left."""
        if self._left <= 0 or asked_for(reason) > MAX_RETRY_AFTER:
            raise reason
        self._left -= 1
        seconds, self._seconds = self._seconds, min(2 * self._seconds, LONGEST_WAIT)
        return before_retry(seconds, reason)


def may_repeat(error: EpochalError, *, repeatable: bool) -> bool:
    """Whether a request is sent again after `error`. One that is not `repeatable` acts each time that it arrives: it is
    repeated only where it certainly did nothing."""
    if not may_have_acted(error):
        return True
    return repeatable and (may_pass(error) or error.code == IN_FLIGHT)


def may_have_acted(error: EpochalError) -> bool:
    """Whether the request that `error` answers may have been carried out all the same."""
    return not isinstance(error.__cause__, NOT_SENT) and not isinstance(error, RateLimitError)


class Login(httpx2.Auth):
    """Sends a key, or a user and a password, only to the service that they are for. An answer may name addresses of
    other services, or redirect to them."""

    def __init__(self, header: str, url: httpx2.URL) -> None:
        self._header = header
        self._origin = _origin(url)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth.auth_flow`."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


def address_of(base_url: str | None) -> httpx2.URL:
    """Where the service is: `base_url`, or EPOCHAL_URL, or this machine. Raises LocalError where it is no address."""
    text = (base_url or os.environ.get("EPOCHAL_URL") or DEFAULT_URL).strip().rstrip("/")
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:  # whose text has a part of the address, which may be a password's
        url = None
    # The characters / ? # of a password that is not percent-encoded end what is read as the host.
    is_cut = url is not None and ("@" in url.path or "?" in text or "#" in text)
    if url is None or is_cut or url.scheme not in ("http", "https") or not url.host:
        raise LocalError(
            f"{without_login(text)} is no address of a service.",
            code="address_invalid",
            hint="It should be like https://epochal.example.org. Special characters of a user and a password are "
            "percent-encoded.",
        )
    return url


def auth_of(api_key: str | None, url: httpx2.URL) -> Login | None:
    """The key, or else the user and the password of the address. Raises AuthenticationError where the key is no valid
    header value: the HTTP library's own error would show it."""
    key = (os.environ.get("EPOCHAL_API_KEY", "") if api_key is None else api_key).strip()
    if key and not re.fullmatch("[!-~]+", key):
        raise AuthenticationError(
            "The API key should be as POST /v1/keys gave it: epochal_<id>.<secret>, without spaces.",
            status_code=401,
            code="key_malformed",
        )
    if key:
        return Login(f"Bearer {key}", url)
    user = f"{url.username}:{url.password}".encode()
    return Login(f"Basic {b64encode(user).decode()}", url) if url.userinfo else None


def transport_settings(url: httpx2.URL, auth: Login | None, user_agent: str) -> dict[str, Any]:
    """How a client of the HTTP library is made."""
    return {
        "base_url": url,
        "auth": auth,
        "headers": {"User-Agent": user_agent},
        # A proxy that the environment names cannot reach the loopback address of this machine.
        "trust_env": url.host not in LOOPBACK,
        **_trust(url),
    }


def _trust(url: httpx2.URL) -> dict[str, Any]:
    """Where nothing is encrypted, no certificates are read: it takes 40 ms. Then none is trusted either."""
    if url.scheme != "http" or url.host not in LOOPBACK:
        return {}
    import ssl

    return {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}


def proxy_error() -> LocalError:
    """Where the environment names a proxy that is no address. The library's own text may show its password."""
    return LocalError(
        "The proxy that the environment names is no address.",
        code="proxy_invalid",
        hint="HTTP_PROXY, HTTPS_PROXY or ALL_PROXY should be http://user:password@host:port, percent-encoded.",
    )


def connection_error(url: str, error: Exception) -> APIConnectionError:
    """The exception for an error of the HTTP library. What raised it should be its cause."""
    kind = APITimeoutError if isinstance(error, httpx2.TimeoutException) else APIConnectionError
    return kind(url, str(error) or type(error).__name__)


def path_to(*parts: str) -> str:
    """A path of the API. Each part is escaped, so that it stays one segment, whatever it contains."""
    for part in parts:
        if part in ("", ".", ".."):
            raise LocalError(f"{part!r} is no id and no name", code="invalid_request")
    return "/".join(["/v1", *(quote(part, safe="@" if part[:1] != "@" else "") for part in parts)])


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def is_good(response: httpx2.Response) -> bool:
    """Whether it is an answer to be read, and no error."""
    return response.is_success or response.status_code == httpx2.codes.NOT_MODIFIED


def refusal(response: httpx2.Response) -> APIStatusError:
    """The error in an answer that has been read. A proxy answers without a problem document; then only the status is
    known."""
    problem: Mapping[str, Any] = {}
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        content = json_of(response)
        problem = content if isinstance(content, Mapping) else {}
    if not problem:
        shown = f"{response.status_code} {response.reason_phrase}".strip()
        problem = {"detail": f"{without_login(str(response.url))} answered {shown}."}
    return status_error(
        response.status_code, problem, _retry_after(response), response.headers.get("X-Request-ID") or None
    )


def json_of(response: httpx2.Response) -> Any:
    """The content of an answer that has been read. Raises UnexpectedAnswerError."""
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswerError(f"{without_login(str(response.url))} answered no JSON") from error


def _retry_after(response: httpx2.Response) -> float | None:
    """In seconds. A date, which only proxies send, is read against the clock of the answer, not of this machine."""
    value = response.headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until, now = (parsedate_to_datetime(text) for text in (value, response.headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
