"""Sends one message over HTTP, within a bounded time, and only to addresses that were checked."""

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic

import httpcore2
import httpx2

from webhooks.addresses import Address, Lookup, Networks, look_up, parse, port_of, resolve
from webhooks.errors import AddressRefused

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 5.0  # for each address of a name

# Redirects that repeat the request unchanged. What clients do with a POST after any other redirect differs.
REDIRECTS = (307, 308)
MOST_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt. The message arrived if `error` is None."""

    status: int | None = None  # of the answer; None if there was none
    error: str | None = None
    retry_after: float | None = None  # how many seconds the receiver asks to wait


@cache
def _verified_tls() -> ssl.SSLContext:
    """Verifies certificates with the system's authorities. Made at the first message: to read them takes 50 ms."""
    return httpcore2.default_ssl_context()


class Deadline:
    """The time at which an attempt ends, whatever it is doing."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._seconds = seconds
        self._until = monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Remaining seconds, at most `most`. Raises httpcore2.ReadTimeout if there are none."""
        left = self._until - monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout(f"no answer within {self._seconds:.1f} seconds")
        return left if most is None else min(left, most)


class Poster:
    """Sends each message over a connection of its own. Ignores proxies that the environment names."""

    def __init__(self, networks: Networks, *, lookup: Lookup = look_up, tls: ssl.SSLContext | None = None) -> None:
        self._networks = networks
        self._lookup = lookup
        self._tls = tls

    def post(self, address: str, headers: Mapping[str, str], body: str, deadline: Deadline) -> Outcome:
        """POST `body`. Every URL is checked, that of each redirect, too."""
        answer: httpcore2.Response | None = None
        try:
            url = parse(address, self._networks)
            for _ in range(MOST_REDIRECTS + 1):
                if answer is not None:
                    url = _following(url, answer, self._networks)
                answer = self._post_once(url, headers, body, deadline)
                if answer.status not in REDIRECTS:
                    return _outcome(answer)
            return Outcome(answer.status if answer else None, f"It redirects more than {MOST_REDIRECTS} times.")
        except AddressRefused as refusal:
            return Outcome(answer.status if answer else None, str(refusal))
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as failure:
            return Outcome(error=_reason(failure))

    def _post_once(
        self, url: httpx2.URL, headers: Mapping[str, str], body: str, deadline: Deadline
    ) -> httpcore2.Response:
        """The status and headers of the answer. Its body is neither read nor stored."""
        addresses = resolve(url, self._networks, self._lookup)
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=port_of(url), target=url.raw_path)
        connection = httpcore2.HTTPConnection(
            target.origin, ssl_context=self._tls or _verified_tls(), network_backend=_Pinned(addresses, deadline)
        )
        about = {"Host": url.netloc.decode("ascii"), "Content-Type": "application/json", "User-Agent": "Epochal"}
        sent: list[tuple[bytes | str, bytes | str]] = [*about.items(), *headers.items()]
        with connection, connection.stream("POST", target, headers=sent, content=body.encode()) as answer:
            return answer


class _Pinned(httpcore2.NetworkBackend):
    """Connects only to the given addresses, without resolving the host name again."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that accepts."""
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses:
            seconds = self._deadline.left(CONNECT_SECONDS)
            try:
                return _Bounded(self._sockets.connect_tcp(str(address), port, seconds), self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


class _Bounded(httpcore2.NetworkStream):
    """A stream that ends at the deadline, even if the other side keeps sending slowly."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = self._deadline.left(timeout)
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _following(url: httpx2.URL, answer: httpcore2.Response, networks: Networks) -> httpx2.URL:
    """The target of a redirect. Raises AddressRefused."""
    location = _header(answer, b"location")
    if location is None:
        raise AddressRefused("redirects without saying where to")
    try:
        return parse(str(url.join(location)), networks)
    except httpx2.InvalidURL:
        raise AddressRefused("redirects to what is no URL") from None
    except AddressRefused as refusal:
        raise AddressRefused(f"redirects to one that {refusal.reason}") from None


def _outcome(answer: httpcore2.Response) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(answer.status)
    return Outcome(answer.status, f"The receiver answered {answer.status}, not 2xx.", _retry_after(answer))


def _retry_after(answer: httpcore2.Response) -> float | None:
    """Seconds of the Retry-After header, which may also be a date. None if it is neither."""
    value = _header(answer, b"retry-after") or ""
    if re.fullmatch("[0-9]{1,9}", value):
        return float(value)
    try:
        return _seconds_until(parsedate_to_datetime(value))
    except ValueError:
        return None


def _seconds_until(moment: datetime) -> float:
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _header(answer: httpcore2.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in answer.headers if key.lower() == name), None)


# By OpenSSL's verification error code.
_CERTIFICATES = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate is signed by an authority that is not known here",
    20: "its certificate is signed by an authority that is not known here",
    21: "its certificate is signed by an authority that is not known here",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}


def _cause(failure: BaseException) -> str:
    """The cause of a failure, in words for users: messages of libraries are written for programmers."""
    match failure:
        case ssl.SSLCertVerificationError(verify_code=code):
            return _CERTIFICATES.get(code, "its certificate is not valid")
        case ssl.SSLError():
            return "it speaks no TLS that we do"
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionResetError() | BrokenPipeError():
            return "it closed the connection"
    below = failure.__cause__ or failure.__context__
    return "the network does not lead there" if below is None else _cause(below)


def _reason(failure: Exception) -> str:
    match failure:
        case httpcore2.ConnectTimeout():
            return "The receiver could not be connected to in time."
        case httpcore2.TimeoutException():
            return f"The receiver did not answer within {TOTAL_SECONDS:.0f} seconds."
        case httpcore2.ConnectError():
            return f"The receiver could not be connected to: {_cause(failure)}."
        case httpcore2.ProtocolError():
            return "The receiver did not answer in HTTP."  # not shown: it may come from no web server
        case _:
            return f"The receiver broke off: {_cause(failure)}."
