"""Who may come in: keys, scopes, and how often one key may ask."""

from dataclasses import dataclass, field
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
from api.errors import KeyMissing, TooManyRequests
from jobs.reconciler import Chore
from models import Database, DatabaseUnavailable

BEARER = "bearer"

# Requests a minute with keys that are none, from one address.
MOST_REFUSALS = 60

NOTE_USES_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still ask within the window, as the RateLimit headers say it."""

    policy: str  # whose it is: the key's, or the address's that guesses keys
    limit: int  # requests a minute
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
class Gate:
    """Lets callers in, each process by its own counts."""

    keys_required: bool
    requests_a_minute: int
    _limiter: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    _used: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

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

    def admit(self, session: Session, key: str, address: str) -> tuple[Caller, Allowance]:
        """Whose `key` it is, and what else it may ask. Raises KeyInvalid and TooManyRequests."""
        try:
            caller = keys.authenticate(session, key)
        except KeyInvalid:
            self._count("address", address, MOST_REFUSALS)
            raise
        assert caller.key_id is not None
        with self._lock:
            self._used.add(caller.key_id)
        return caller, self._count("key", caller.key_id, self.requests_a_minute)

    def noting_uses(self, database: Database) -> Chore:
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

        return Chore(NOTE_USES_EVERY_SECONDS, note)

    def _count(self, kind: str, who: str, a_minute: int) -> Allowance:
        """One more request. Raises TooManyRequests."""
        limit = RateLimitItemPerMinute(a_minute)
        within = self._limiter.hit(limit, kind, who)
        reset, remaining = self._limiter.get_window_stats(limit, kind, who)
        allowance = Allowance(kind, a_minute, remaining, max(0, ceil(reset - time())))
        if not within:
            raise TooManyRequests(a_minute, max(1, allowance.reset_seconds), allowance.headers)
        return allowance
