"""A rate limit by address, for answers that no API key stands for: routes without a key, and refused requests.

Requests with a valid key have limits of their own (`api.service.admission`). All others share the bucket of their
address: PER_SECOND answers, with a burst of BURST. Answers beyond that are delayed, which costs the server one timer
each and slows a client that waits for its answers to the limit. Only beyond MAX_DELAY_SECONDS are they refused.

A file of the page counts as a part of an answer (`count_as`): a page loads dozens of them, a class of thirty behind one
address a thousand and more at once, and each is a copy of bytes that lie ready.
"""

import asyncio
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import TooManyRequests
from api.http.problem_kinds import PROBLEM_KINDS
from api.http.problems import problem
from api.http.query_parameters import LINK_SIGNATURE

PER_SECOND = 100.0
BURST = 300  # answers that an idle address gets without delay
MAX_DELAY_SECONDS = 5.0  # a request without a key that would wait longer is refused with 429

MAX_ADDRESSES = 10_000
_WEIGHT = "answer_weight"
_SIGNATURE = f"{LINK_SIGNATURE}=".encode()


def network_of(address: str) -> str:
    """What shares one limit: an IPv4 address, or an IPv6 /64 network, in which one client may use any address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def count_as(scope: Scope, weight: float) -> None:
    """Have the answer to this request count as so many answers."""
    scope.setdefault("state", {})[_WEIGHT] = weight


class AddressThrottle:
    """A token bucket for each address, kept as the time at which its next answer is due (GCRA)."""

    def __init__(self, per_second: float = PER_SECOND, at_once: int = BURST) -> None:
        self._interval = 1 / per_second
        self._ahead = at_once / per_second
        self._next: OrderedDict[str, float] = OrderedDict()  # when its next answer is due at the plain rate

    def wait(self, address: str, *, consume: float = 1.0) -> float:
        """Seconds until the address may get an answer. `consume`: as how many answers that counts; 0 only looks."""
        name, now = network_of(address), monotonic()
        due = max(self._next.get(name, 0.0), now)
        if consume:
            self._next[name] = due + consume * self._interval
            self._next.move_to_end(name)
            if len(self._next) > MAX_ADDRESSES:
                self._next.popitem(last=False)
        return max(0.0, due - now - self._ahead)


class Throttling:
    """Delays each answer to a request that no valid key has been found for."""

    def __init__(self, app: ASGIApp, throttle: AddressThrottle) -> None:
        self.app = app
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        # A request with a key or by a signed link may turn out to be valid, so it is not refused yet. Without one,
        # nothing needs checking.
        shows_key = any(name == b"authorization" for name, _ in scope["headers"]) or _SIGNATURE in scope["query_string"]
        if not shows_key and self._throttle.wait(address, consume=0) > MAX_DELAY_SECONDS:
            await asyncio.sleep(MAX_DELAY_SECONDS)
            refusal = TooManyRequests(round(60 * PER_SECOND), round(MAX_DELAY_SECONDS), {})
            answer = problem(PROBLEM_KINDS[TooManyRequests], scope, str(refusal), headers=refusal.headers)
            await answer(scope, receive, send)
            return

        async def send_paced(message: Message) -> None:
            if message["type"] == "http.response.start" and "caller" not in scope["state"]:
                wait = self._throttle.wait(address, consume=scope["state"].get(_WEIGHT, 1.0))
                if wait:
                    await asyncio.sleep(min(wait, 2 * MAX_DELAY_SECONDS))
            await send(message)

        await self.app(scope, receive, send_paced)
