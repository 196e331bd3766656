"""One service over HTTP: with an API key, with a second try where that is safe, with errors as exceptions."""

import os
import re
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from client.decoding import decode
from client.errors import EpochalError, EpochalKeyRefused, EpochalUnreachable, kind_of, without_login
from client.records import Page

Record = TypeVar("Record")

DEFAULT_URL = "http://127.0.0.1:8000"

# Before each further try: long enough together for an API that is started again.
RETRY_AFTER_SECONDS = (0.2, 0.4, 0.8, 1.6)
# A service that asks for more patience than this is not waited for.
LONGEST_RETRY_AFTER_SECONDS = 120.0
# Of a proxy without a service behind it, or of a service without its database.
NOT_NOW = frozenset({502, 503, 504})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# After which of its errors a request is sent again.
NOTHING: tuple[type[Exception], ...] = ()
CUT: tuple[type[Exception], ...] = (httpx2.NetworkError, httpx2.RemoteProtocolError)
NO_ANSWER: tuple[type[Exception], ...] = (*CUT, httpx2.TimeoutException)


class Tries:
    """How often, and after how long, something is tried again."""

    def __init__(self, seconds: tuple[float, ...]) -> None:
        self._seconds = iter(seconds)

    def wait(self, reason: EpochalError) -> None:
        """Before the next try, for as long as the service asks for; raises `reason` where there is none."""
        seconds, asked = next(self._seconds, None), reason.retry_after_seconds or 0.0
        if seconds is None or asked > LONGEST_RETRY_AFTER_SECONDS:
            raise reason
        time.sleep(max(seconds, asked))


class BearerKey(httpx2.Auth):
    """Shows the key to the service that it is for, and to no other address that an answer may name."""

    def __init__(self, key: str, url: httpx2.URL) -> None:
        self._header = f"Bearer {key}"
        self._origin = _origin(url)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """As httpx2 asks for it."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


class Connection:
    """What a client's methods ask through. All of it raises EpochalError."""

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
                # No proxy of the environment leads to this machine itself.
                trust_env=address.host not in LOOPBACK,
            )
        except (httpx2.InvalidURL, ValueError):  # likewise
            reason = "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY should be http://user:password@host:port, percent-encoded"
            raise EpochalUnreachable(self.url, reason) from None

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(self, kind: type[Record], path: str, query: Mapping[str, Any] | None = None) -> Record:
        """What is at `path`."""
        return record(kind, self.ask("GET", path, query=query, again_after=CUT))

    def pages(self, kind: type[Record], path: str, query: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """Every row of a list; pages are fetched as needed."""
        page = self.get(Page, path, query)
        while True:
            for row in page.data:
                yield decoded(kind, row)
            if not (page.has_more and page.next):
                return
            page = self.get(Page, self.given(page.next))

    def given(self, address: str) -> str:
        """A path of the API that an answer names, as `ask` takes it. A service that knows below which path of a proxy
        it is names its addresses with that path, which is this connection's too.
        """
        rest = address.removeprefix(self._prefix)
        return rest if rest.startswith("/") else address

    def send(self, kind: type[Record], method: str, path: str, body: Mapping[str, Any] | None = None) -> Record:
        """The answer to what changes something, and is sent once."""
        return record(kind, self.ask(method, path, body=body))

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again_after: tuple[type[Exception], ...] = NOTHING,
        not_now: frozenset[int] = NOT_NOW,
        stream: bool = False,
        read_seconds: float | None = None,
    ) -> httpx2.Response:
        """A good answer, or 304. With `stream`, its content is still to come, and it is to be closed.

        What is over its rate limit was not looked at, and is sent again in any case. Where something is sent again
        after errors of the connection, so it is after the statuses `not_now`.
        """
        request = self._http.build_request(
            method,
            path,
            params=query,
            json=None if body is None else dict(body),
            headers=headers,
            timeout=httpx2.Timeout(self.timeout_seconds, read=read_seconds or self.timeout_seconds),
        )
        again_at = {429} | (not_now if again_after else frozenset())
        tries = Tries(RETRY_AFTER_SECONDS)
        while True:
            try:
                return self._good(request, stream=stream)
            except again_after as error:
                tries.wait(self.unreachable(error))
            except httpx2.RequestError as error:
                raise self.unreachable(error) from error
            except EpochalError as error:
                if error.status not in again_at:
                    raise
                tries.wait(error)

    def unreachable(self, error: Exception) -> EpochalUnreachable:
        """What an error of the connection means."""
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
    """A path of the API, each of whose parts is one, whatever it contains."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def record(kind: type[Record], response: httpx2.Response) -> Record:
    """What an answer says."""
    return decoded(kind, _json(response))


def decoded(kind: type[Record], value: object) -> Record:
    """A part of an answer."""
    try:
        return decode(kind, value)
    except ValueError as error:
        raise _unexpected(str(error)) from error


def _auth(key: str, url: httpx2.URL) -> BearerKey | None:
    """Checked here: what is no header value would be shown in an error of the HTTP library's."""
    if key and not re.fullmatch("[!-~]+", key):
        detail = "The API key should be as POST /v1/keys gave it: epochal_<id>.<secret>, without spaces."
        raise EpochalKeyRefused(detail, code="key_malformed")
    return BearerKey(key, url) if key else None


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _refusal(response: httpx2.Response) -> EpochalError:
    """A proxy in between answers without a problem: then the status is all there is."""
    status, retry_after_seconds = response.status_code, _retry_after_seconds(response)
    kind = kind_of(status)
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return kind.from_problem(_json(response), status, retry_after_seconds)
    detail = f"{without_login(str(response.url))} answered {status} {response.reason_phrase}."
    return kind(detail, code=f"http_{status}", status=status, retry_after_seconds=retry_after_seconds)


def _retry_after_seconds(response: httpx2.Response) -> float | None:
    """None also where a proxy says it as a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,9}", value) else None


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise _unexpected(f"{without_login(str(response.url))} answered no JSON") from error


def _unexpected(reason: str) -> EpochalError:
    return EpochalError(f"This is not an answer of Epochal's API: {reason}.", code="unexpected_answer")
