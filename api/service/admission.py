"""Who may come in: keys, scopes, and how often one key may ask."""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from math import ceil
from threading import Lock
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy.orm import Session

from access import keys
from access.errors import KeyInvalid
from access.keys import Caller
from api.http.errors import KeyMissing, TooManyRequests
from api.http.pacing import network_of
from api.service.fair_limiter import Requester
from jobs.periodic import PeriodicTask
from models import Database, DatabaseUnavailable

BEARER = "bearer"

# Requests a minute with keys that are none, from one address.
MOST_REFUSALS = 60

# So many times what one key may ask, all keys of a project may together: more keys buy no more than that.
KEYS_OF_A_PROJECT = 4

NOTE_USES_EVERY_SECONDS = 5.0

MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still ask within the window, as the RateLimit headers say it."""

    policy: str  # whose it is: the key's, its project's, or the address's that guesses keys
    limit: int  # units a minute: an ordinary request is one
    remaining: int
    reset_seconds: int  # until more is there

    @property
    def headers(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w=60',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


@dataclass(slots=True)
class Admission:
    """Lets callers in, each process by its own counts."""

    keys_required: bool
    requests_a_minute: int
    _limiter: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    _used: set[str] = field(default_factory=set)
    _known: "OrderedDict[bytes, Requester]" = field(default_factory=OrderedDict)  # whose keys were valid, by their hash
    _lock: Lock = field(default_factory=Lock)
    _counting: Lock = field(
        default_factory=Lock
    )  # the limiter's storage in memory must be used by one thread at a time

    def presented(self, authorization: str | None) -> str | None:
        """The key of an `Authorization` header; None where nobody has to show one. Raises KeyMissing."""
        if authorization is None:
            if self.keys_required:
                raise KeyMissing
            return None
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != BEARER:
            raise KeyMissing
        return key.strip()

    def queue_of(self, key: str, address: str) -> Requester:
        """Where `key` waits to be looked up: with its project where it was valid before, so that nobody's guesses stand
        in front of it, and otherwise with what else comes from its address. It lets nobody in."""
        with self._lock:
            return self._known.get(_digest(key)) or Requester(f"address {network_of(address)}", "")

    def admit(self, session: Session, key: str, address: str, cost: int = 1) -> tuple[Caller, Allowance]:
        """Whose `key` it is, and what else it may ask. Raises KeyInvalid and TooManyRequests."""
        try:
            caller = keys.authenticate(session, key)
        except KeyInvalid:
            with self._lock:
                self._known.pop(_digest(key), None)
            self._count("address", network_of(address), MOST_REFUSALS)
            raise
        assert caller.key_id is not None
        with self._lock:
            self._used.add(caller.key_id)
            self._known[_digest(key)] = Requester(caller.project, caller.key_id)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        of_key = self._count("key", caller.key_id, self.requests_a_minute, cost)
        of_project = self._count("project", caller.project, KEYS_OF_A_PROJECT * self.requests_a_minute, cost)
        return caller, min(of_key, of_project, key=lambda allowance: allowance.remaining)

    def noting_uses(self, database: Database) -> PeriodicTask:
        """Write down which keys were used: beside the requests, since most of them write nothing."""

        def note() -> None:
            with self._lock:
                used = sorted(self._used)
                self._used.clear()
            if not used:
                return
            try:
                with database.session() as session:
                    keys.note_use(session, used)
            except DatabaseUnavailable:
                with self._lock:
                    self._used.update(used)
                raise

        return PeriodicTask(NOTE_USES_EVERY_SECONDS, note)

    def _count(self, kind: str, who: str, a_minute: int, cost: int = 1) -> Allowance:
        """One more request. Raises TooManyRequests. One that costs more than a whole minute's is charged a minute's."""
        limit = RateLimitItemPerMinute(a_minute)
        with self._counting:
            within = self._limiter.hit(limit, kind, who, cost=min(cost, a_minute))
            reset, remaining = self._limiter.get_window_stats(limit, kind, who)
        allowance = Allowance(kind, a_minute, remaining, max(0, ceil(reset - time())))
        if not within:
            raise TooManyRequests(a_minute, max(1, allowance.reset_seconds), allowance.headers)
        return allowance


def _digest(key: str) -> bytes:
    return sha256(key.encode(errors="surrogatepass")).digest()
