"""Whether the service can do its work: the database is the one that it was, with a schema that this release works with,
and can be written; the broker answers, the storage is there, and a worker is connected."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from api import schemas
from api.http.errors import NotReady
from api.service.probe import Probe
from jobs import deployment
from jobs.verified_storage import VerifiedStorage
from jobs.workers import connected
from models import (
    Database,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseUnavailable,
)

PATIENCE_SECONDS = 1.0
FRESH_SECONDS = 0.25  # so long an answer serves whoever else asks: nobody makes the database work by asking often

# A poll that finds nothing amiss writes no more often than this, nor looks at the storage.
WRITE_SECONDS = 30.0
STORAGE_SECONDS = 10.0

CANNOT_WRITE = (DatabaseDamaged, DatabaseFull, DatabaseReadOnly, DatabaseRefused)


@dataclass(frozen=True, slots=True)
class Found:
    """Of the database and what only it knows."""

    database: str = "ok"  # or the reason of an outage
    incompatibility: str | None = None  # in a sentence, where it answers and cannot be worked with
    workers: int | None = None


class Readiness:
    """Asks everything that the work needs, each in a thread of its own, so that a poll waits for PATIENCE_SECONDS."""

    def __init__(self, database: Database, storage_url: str, broker: Probe[bool]) -> None:
        self._database = database
        self._storage = VerifiedStorage(storage_url)
        self._broker = broker
        self._database_probe = Probe(self._look)
        self._storage_probe = Probe(_at_most_every(STORAGE_SECONDS, self._storage_is_there))
        self._written_at = float("-inf")

    async def check(self) -> schemas.Ready:
        """Raises NotReady, which says what is missing."""
        found = await self._database_probe.hear(PATIENCE_SECONDS, FRESH_SECONDS) or Found("unreachable")
        broker = "ok" if await self._broker.hear(PATIENCE_SECONDS, FRESH_SECONDS) else "unreachable"
        is_there = None if found.workers is None else await self._storage_probe.hear(PATIENCE_SECONDS, FRESH_SECONDS)
        storage = "unknown" if found.workers is None else "ok" if is_there else "away"
        missing = [
            *(["database"] if found.database == "unreachable" else []),
            *(["broker"] if broker != "ok" else []),
            *(["storage"] if storage == "away" else []),
            *(["any worker"] if found.workers == 0 else []),
        ]
        if missing or found.incompatibility:
            states = {"database": found.database, "broker": broker, "storage": storage, "workers": found.workers}
            raise NotReady(missing, [found.incompatibility] if found.incompatibility else [], states)
        assert found.workers
        return schemas.Ready(workers=found.workers)

    def _look(self) -> Found:
        try:
            schema = self._database.schema()
            if schema.incompatibility:
                return Found("schema", schema.incompatibility)
            with self._database.snapshot() as session:
                workers = len(connected(session))
            self._try_to_write()
        except DatabaseUnavailable as error:
            answers = type(error) is not DatabaseUnavailable
            return Found(error.reason, error.title() if answers else None)
        return Found(workers=workers)

    def _try_to_write(self) -> None:
        """Seldom, unless somebody could not since."""
        since = monotonic() - self._written_at
        if since < WRITE_SECONDS and since < min(map(self._database.seconds_since, CANNOT_WRITE)):
            return
        with self._database.session() as session:
            deployment.write(session)
        self._written_at = monotonic()

    def _storage_is_there(self) -> bool:
        with self._database.snapshot() as session:
            self._storage.storage_id = deployment.known_storage_id(session)
        self._storage.require_id()
        return True


def _at_most_every(seconds: float, ask: Callable[[], bool]) -> Callable[[], bool]:
    """Between two times `ask` is not asked, as long as it was true."""
    asked_at = float("-inf")

    def answer() -> bool:
        nonlocal asked_at
        if monotonic() - asked_at < seconds:
            return True
        is_true = ask()
        asked_at = monotonic() if is_true else float("-inf")
        return is_true

    return answer
