"""HTTP requests to one service: adds the API key, retries where that is safe, and raises errors as exceptions."""

import os
import re
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from old_client.decoding import decode
from old_client.errors import EpochalError, EpochalKeyRefused, EpochalUnreachable, kind_of, without_login
from old_client.resources import Page

Resource = TypeVar("Resource")

DEFAULT_URL = "http://127.0.0.1:8000"

# Waits before the retries. Together they are long enough for an API to restart.
RETRY_AFTER_SECONDS = (0.2, 0.4, 0.8, 1.6)
# If the service asks to wait longer than this, the error is raised instead.
MAX_RETRY_AFTER_SECONDS = 120.0
# Temporary: a proxy does not reach the service, or the service does not reach its database.
TEMPORARY_STATUSES = frozenset({502, 503, 504})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# Sets of errors after which a request is sent again.
NO_ERRORS: tuple[type[Exception], ...] = ()
CONNECTION_LOST: tuple[type[Exception], ...] = (httpx2.NetworkError, httpx2.RemoteProtocolError)
ANY_CONNECTION_ERROR: tuple[type[Exception], ...] = (*CONNECTION_LOST, httpx2.TimeoutException)


class Retries:
    """Counts the retries of one request, and waits before each."""

    def __init__(self, seconds: tuple[float, ...]) -> None:
        self._seconds = iter(seconds)

    def wait(self, reason: EpochalError) -> None:
        """Wait before the next retry, at least as long as the service asks to. Raises `reason` if no retry is left."""
        seconds, asked = next(self._seconds, None), reason.retry_after_seconds or 0.0
        if seconds is None or asked > MAX_RETRY_AFTER_SECONDS:
            raise reason
        time.sleep(max(seconds, asked))


class BearerKey(httpx2.Auth):
    """Sends the key only to the service that it is for. An answer may name URLs of other services, or redirect to
    them."""

    def __init__(self, key: str, url: httpx2.URL) -> None:
        self._header = f"Bearer {key}"
        self._origin = _origin(url)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth.auth_flow`."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


class Connection:
    """Sends the requests of a client. Every method raises EpochalError."""

    def __init__(
        self, url: str | None, api_key: str | None, timeout_seconds: float, transport: httpx2.BaseTransport | None
    ) -> None:
        self.url = (url or os.environ.get("EPOCHAL_URL") or DEFAULT_URL).rstrip("/")
        self.timeout_seconds = timeout_seconds
        try:
            address = httpx2.URL(self.url)
        except httpx2.InvalidURL:  # whose text has a part of the address, which may be a password's
            reason = "it is no address; every special character of a user and a password is percent-encoded"
            raise EpochalUnreachable(self.url, reason) from None
        self._prefix = address.path.rstrip("/")
        auth = _auth((api_key or os.environ.get("EPOCHAL_API_KEY") or "").strip(), address)
        try:
            self._http = httpx2.Client(
                base_url=address,
                auth=auth,
                timeout=timeout_seconds,
                transport=transport,
                # A proxy that the environment names cannot reach the loopback address of this machine.
                trust_env=address.host not in LOOPBACK,
            )
        except (httpx2.InvalidURL, ValueError):  # likewise
            reason = "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY should be http://user:password@host:port, percent-encoded"
            raise EpochalUnreachable(self.url, reason) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, kind: type[Resource], path: str, query: Mapping[str, Any] | None = None) -> Resource:
        """The resource at `path`."""
        return decode_response(kind, self.request("GET", path, query=query, retry_on=CONNECTION_LOST))

    def pages(self, kind: type[Resource], path: str, query: Mapping[str, Any] | None = None) -> Iterator[Resource]:
        """Every row of a list. Pages are fetched as needed."""
        page = self.get(Page, path, query)
        while True:
            for row in page.data:
                yield decode_part(kind, row)
            if not (page.has_more and page.next):
                return
            page = self.get(Page, self.api_path(page.next))

    def api_path(self, address: str) -> str:
        """The path in an `address` of an answer, as `ask` takes it. Behind a proxy, the service may put the path at
        which the proxy serves it in front. The URL of this connection contains that path already, so that it is removed
        here.
        """
        rest = address.removeprefix(self._prefix)
        return rest if rest.startswith("/") else address

    def send(self, kind: type[Resource], method: str, path: str, body: Mapping[str, Any] | None = None) -> Resource:
        """Send a request that changes something, once, and return its answer."""
        return decode_response(kind, self.request(method, path, body=body))

    def send_bytes(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Send a body that is no JSON, once."""
        return self._sent(self._http.build_request(method, path, content=content, headers=headers), NO_ERRORS)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        retry_on: tuple[type[Exception], ...] = NO_ERRORS,
        retry_statuses: frozenset[int] = TEMPORARY_STATUSES,
        stream: bool = False,
        read_seconds: float | None = None,
    ) -> httpx2.Response:
        """Send a request. The answer has a 2xx status, or 304; all others are raised as EpochalError. With `stream`,
        the body is not read yet, and the caller must close the answer.

        The request is retried after the errors `retry_on`, and, if there are any, after the statuses `retry_statuses`.
        After 429 it is always retried: the service did nothing.
        """
        request = self._http.build_request(
            method,
            path,
            params=query,
            json=None if body is None else dict(body),
            headers=headers,
            timeout=httpx2.Timeout(self.timeout_seconds, read=read_seconds or self.timeout_seconds),
        )
        again_at = frozenset({429}) | (retry_statuses if retry_on else frozenset())
        return self._sent(request, retry_on, again_at, stream=stream)

    def _sent(
        self,
        request: httpx2.Request,
        retry_on: tuple[type[Exception], ...],
        again_at: frozenset[int] = frozenset({429}),
        *,
        stream: bool = False,
    ) -> httpx2.Response:
        retries = Retries(RETRY_AFTER_SECONDS)
        while True:
            try:
                return self._good(request, stream=stream)
            except retry_on as error:
                retries.wait(self.unreachable(error))
            except httpx2.RequestError as error:
                raise self.unreachable(error) from error
            except EpochalError as error:
                if error.status not in again_at:
                    raise
                retries.wait(error)

    def unreachable(self, error: Exception) -> EpochalUnreachable:
        """The exception for an error of the connection."""
        return EpochalUnreachable(self.url, str(error) or type(error).__name__)

    def _good(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        response = self._http.send(request, stream=stream)
        if response.is_success or response.status_code == httpx2.codes.NOT_MODIFIED:
            return response
        try:
            response.read()
        finally:
            response.close()
        raise _refusal(response)


def path_to(*parts: str) -> str:
    """A path of the API. Each part is escaped, so that it stays one segment, whatever it contains."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def decode_response(kind: type[Resource], response: httpx2.Response) -> Resource:
    """The content of an answer."""
    return decode_part(kind, _json(response))


def decode_part(kind: type[Resource], value: object) -> Resource:
    """A part of the content of an answer."""
    try:
        return decode(kind, value)
    except ValueError as error:
        raise _unexpected(str(error)) from error


def _auth(key: str, url: httpx2.URL) -> BearerKey | None:
    """The key is checked here: if it is no valid header value, the error of the HTTP library would show it."""
    if key and not re.fullmatch("[!-~]+", key):
        detail = "The API key should be as POST /v1/keys gave it: epochal_<id>.<secret>, without spaces."
        raise EpochalKeyRefused(detail, code="key_malformed")
    return BearerKey(key, url) if key else None


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _refusal(response: httpx2.Response) -> EpochalError:
    """The error in an answer. A proxy answers without a problem document; then only the status is known."""
    status, retry_after_seconds = response.status_code, _retry_after_seconds(response)
    kind = kind_of(status)
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return kind.from_problem(_json(response), status, retry_after_seconds)
    detail = f"{without_login(str(response.url))} answered {status} {response.reason_phrase}."
    return kind(detail, code=f"http_{status}", status=status, retry_after_seconds=retry_after_seconds)


def _retry_after_seconds(response: httpx2.Response) -> float | None:
    """Also None if the header is a date, which only proxies send."""
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,9}", value) else None


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise _unexpected(f"{without_login(str(response.url))} answered no JSON") from error


def _unexpected(reason: str) -> EpochalError:
    return EpochalError(f"This is not an answer of Epochal's API: {reason}.", code="unexpected_answer")
