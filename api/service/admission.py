"""Authenticates API keys and applies the rate limits."""

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

from access import keys, links
from access.errors import KeyInvalid, LinkExpired, LinkInvalid
from access.keys import Caller
from api.http.errors import KeyMissing, TooManyRequests
from api.http.throttling import network_of
from api.service.fair_limiter import Requester
from api.service.signed_links import PresentedLink
from jobs.periodic import PeriodicTask
from models import Database, DatabaseUnavailable

BEARER = "bearer"

# Requests with invalid keys that one address may send in a minute.
MAX_INVALID_KEYS = 60

# All keys of a project together may ask this many times as much as one key: further keys do not raise the limit.
PROJECT_LIMIT_FACTOR = 4

STORE_USES_SECONDS = 5.0

MAX_KNOWN_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many units are left of one rate limit, as the RateLimit headers report it."""

    policy: str  # whose limit it is: "key", "project", or "address" for invalid keys
    limit: int  # units a minute; an ordinary request costs one
    remaining: int
    reset_seconds: int  # until units are available again

    @property
    def headers(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w=60',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


@dataclass(slots=True)
class Admission:
    """Authenticates callers and counts their requests. Each process keeps its own counts."""

    keys_required: bool
    requests_a_minute: int
    _limiter: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    _used: set[str] = field(default_factory=set)
    _known: "OrderedDict[bytes, Requester]" = field(default_factory=OrderedDict)  # by a valid key's hash
    _lock: Lock = field(default_factory=Lock)
    _limiter_lock: Lock = field(default_factory=Lock)  # the in-memory storage of the limiter is not thread-safe

    def read_key(self, authorization: str | None) -> str | None:
        """The key in an `Authorization` header. None if there is no header and keys are not required. Raises
        KeyMissing."""
        if authorization is None:
            if self.keys_required:
                raise KeyMissing
            return None
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != BEARER:
            raise KeyMissing
        return key.strip()

    def requester_of(self, key: str, address: str) -> Requester:
        """In whose queue the check of `key` waits. This authenticates nobody.

        A key that was valid before waits in the queue of its project. Any other key waits in the queue of its address,
        so that many guessed keys do not delay valid ones.
        """
        with self._lock:
            return self._known.get(_digest(key)) or self.stranger_at(address)

    @staticmethod
    def stranger_at(address: str) -> Requester:
        """In whose queue the check of a link waits, and of a key that nobody knows yet."""
        return Requester(f"address {network_of(address)}", "")

    def admit(self, session: Session, key: str, address: str, cost: int = 1) -> tuple[Caller, Allowance]:
        """Authenticate `key` and charge `cost` units to its limits. The allowance is that of the limit with the fewest
        units left. Raises KeyInvalid and TooManyRequests."""
        try:
            caller = keys.authenticate(session, key)
        except KeyInvalid:
            with self._lock:
                self._known.pop(_digest(key), None)
            self._count("address", network_of(address), MAX_INVALID_KEYS)
            raise
        assert caller.key_id is not None
        with self._lock:
            self._known[_digest(key)] = Requester(caller.project, caller.key_id)
            if len(self._known) > MAX_KNOWN_KEYS:
                self._known.popitem(last=False)
        return caller, self._charge(caller, cost)

    def admit_link(
        self, session: Session, link: PresentedLink, address: str, cost: int = 1
    ) -> tuple[Caller, Allowance]:
        """Authenticate the key that has signed `link`, and charge it as if it had come itself. Raises LinkInvalid,
        LinkExpired and TooManyRequests."""
        try:
            caller = links.authenticate(session, link.signature, link.target)
        except (LinkInvalid, LinkExpired):
            self._count("address", network_of(address), MAX_INVALID_KEYS)
            raise
        return caller, self._charge(caller, cost)

    def storing_key_uses(self, database: Database) -> PeriodicTask:
        """Store when keys were last used. It is a periodic task, so that a request that only reads writes nothing."""

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

        return PeriodicTask(STORE_USES_SECONDS, note)

    def _charge(self, caller: Caller, cost: int) -> Allowance:
        """Charge the limits of the caller's key and project. Returns what is left of the one with less."""
        assert caller.key_id is not None
        with self._lock:
            self._used.add(caller.key_id)
        of_key = self._count("key", caller.key_id, self.requests_a_minute, cost)
        of_project = self._count("project", caller.project, PROJECT_LIMIT_FACTOR * self.requests_a_minute, cost)
        return min(of_key, of_project, key=lambda allowance: allowance.remaining)

    def _count(self, kind: str, who: str, a_minute: int, cost: int = 1) -> Allowance:
        """Charge one request. A cost above the limit of a minute is charged as that limit. Raises TooManyRequests."""
        limit = RateLimitItemPerMinute(a_minute)
        with self._limiter_lock:
            within = self._limiter.hit(limit, kind, who, cost=min(cost, a_minute))
            reset, remaining = self._limiter.get_window_stats(limit, kind, who)
        allowance = Allowance(kind, a_minute, remaining, max(0, ceil(reset - time())))
        if not within:
            raise TooManyRequests(a_minute, max(1, allowance.reset_seconds), allowance.headers)
        return allowance


def _digest(key: str) -> bytes:
    return sha256(key.encode(errors="surrogatepass")).digest()
