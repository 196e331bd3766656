"""Answers to nobody in particular go out at a bounded pace: what needs no key, and what is refused.

A key's requests are counted and stand in their project's line. Whoever shows none has an address, and an address gets
so many answers a second; those beyond it wait a little. That costs nothing, and a client that asks again once it is
answered is as fast as its answers.
"""

import asyncio
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import TooManyRequests
from api.http.problem_kinds import PROBLEM_KINDS
from api.http.problems import problem

PER_SECOND = 100.0
BURST = 300  # that need not wait, after a while of silence
MAX_DELAY_SECONDS = 5.0  # beyond that, an answer is refused

MAX_ADDRESSES = 10_000


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the network, of which a client has as many addresses as it likes."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


class AddressThrottle:
    """How long each address has to wait."""

    def __init__(self, per_second: float = PER_SECOND, at_once: int = BURST) -> None:
        self._interval = 1 / per_second
        self._ahead = at_once / per_second
        self._next: OrderedDict[str, float] = OrderedDict()  # when the address would be where it began

    def wait(self, address: str, *, consume: bool = True) -> float:
        """Seconds until it may have an answer; unless it `costs` nothing, one that it gets then."""
        name, now = network_of(address), monotonic()
        due = max(self._next.get(name, 0.0), now)
        if consume:
            self._next[name] = due + self._interval
            self._next.move_to_end(name)
            if len(self._next) > MAX_ADDRESSES:
                self._next.popitem(last=False)
        return max(0.0, due - now - self._ahead)


class Throttling:
    """Holds back what goes to nobody in particular."""

    def __init__(self, app: ASGIApp, throttle: AddressThrottle) -> None:
        self.app = app
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        # Whoever shows a key may be somebody; without one, nothing needs to be looked at.
        shows_key = any(name == b"authorization" for name, _ in scope["headers"])
        if not shows_key and self._throttle.wait(address, consume=False) > MAX_DELAY_SECONDS:
            await asyncio.sleep(MAX_DELAY_SECONDS)
            refusal = TooManyRequests(round(60 * PER_SECOND), round(MAX_DELAY_SECONDS), {})
            answer = problem(PROBLEM_KINDS[TooManyRequests], scope, str(refusal), headers=refusal.headers)
            await answer(scope, receive, send)
            return

        async def send_paced(message: Message) -> None:
            if message["type"] == "http.response.start" and "caller" not in scope["state"]:
                wait = self._throttle.wait(address)
                if wait:
                    await asyncio.sleep(min(wait, 2 * MAX_DELAY_SECONDS))
            await send(message)

        await self.app(scope, receive, send_paced)
