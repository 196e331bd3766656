"""Whether the service can do its work.

It can if the database is still the same one, has a schema that this release supports and is writable, if the broker
takes messages, if the storage exists, and if a worker is connected that takes jobs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from api import schemas
from api.http.errors import NotReady
from api.service.probe import Probe
from jobs import deployment
from jobs.delivery import BrokerState
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

TIMEOUT_SECONDS = 1.0
MAX_AGE_SECONDS = 0.25  # how long an answer is reused, so that frequent calls do not load the database

# While nothing is wrong, the database is written to, and the storage read, no more often than this.
WRITE_EVERY_SECONDS = 30.0
STORAGE_EVERY_SECONDS = 10.0

BROKER_FLAWS: Mapping[BrokerState, str] = {
    "read_only": "The broker takes no messages: its memory or disk is full, or it is a replica.",
    "refused": "The broker does not let the service in, or not write.",
}

WRITE_ERRORS = (DatabaseDamaged, DatabaseFull, DatabaseReadOnly, DatabaseRefused)


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """State of the database, and what is stored in it."""

    database: str = "ok"  # or the reason of the outage
    incompatibility: str | None = None  # a sentence, if the database answers but cannot be used
    workers: int | None = None  # that take jobs: not those that drain


class DatabaseAnswers(Probe[bool]):
    """Whether the database answers, and has a schema that this release can work with."""

    def __init__(self, database: Database) -> None:
        def answers() -> bool:
            try:
                return database.schema().incompatibility is None
            except DatabaseUnavailable:
                return False

        super().__init__(answers)


class Readiness:
    """Checks database, broker and storage, each in a thread of its own and for at most TIMEOUT_SECONDS."""

    def __init__(self, database: Database, storage_url: str, broker: Probe[BrokerState]) -> None:
        self._database = database
        self._storage = VerifiedStorage(storage_url)
        self._broker = broker
        self._database_probe = Probe(self._check_database)
        self._storage_probe = Probe(_throttled(STORAGE_EVERY_SECONDS, self._storage_is_there))
        self._written_at = float("-inf")

    async def check(self) -> schemas.Ready:
        """Raises NotReady, which names what is missing."""
        found = await self._database_probe.ask_async(TIMEOUT_SECONDS, MAX_AGE_SECONDS) or DatabaseState("unreachable")
        broker = await self._broker.ask_async(TIMEOUT_SECONDS, MAX_AGE_SECONDS) or "unreachable"
        is_there = (
            None if found.workers is None else await self._storage_probe.ask_async(TIMEOUT_SECONDS, MAX_AGE_SECONDS)
        )
        storage = "unknown" if found.workers is None else "ok" if is_there else "away"
        missing = [
            *(["database"] if found.database == "unreachable" else []),
            *(["broker"] if broker == "unreachable" else []),
            *(["storage"] if storage == "away" else []),
            *(["any worker"] if found.workers == 0 else []),
        ]
        flaws = [
            incompatibility for incompatibility in (found.incompatibility, BROKER_FLAWS.get(broker)) if incompatibility
        ]
        if missing or flaws:
            states = {"database": found.database, "broker": broker, "storage": storage, "workers": found.workers}
            raise NotReady(missing, flaws, states)
        assert found.workers
        return schemas.Ready(workers=found.workers)

    def _check_database(self) -> DatabaseState:
        try:
            schema = self._database.schema()
            if schema.incompatibility:
                return DatabaseState("schema", schema.incompatibility)
            with self._database.snapshot() as session:
                workers = sum(worker.draining_at is None for worker in connected(session))
            self._try_to_write()
        except DatabaseUnavailable as error:
            answers = type(error) is not DatabaseUnavailable
            return DatabaseState(error.reason, error.title() if answers else None)
        return DatabaseState(workers=workers)

    def _try_to_write(self) -> None:
        """Write at most every WRITE_EVERY_SECONDS, or at once if any request failed to write since the last time."""
        since = monotonic() - self._written_at
        if since < WRITE_EVERY_SECONDS and since < min(map(self._database.seconds_since, WRITE_ERRORS)):
            return
        with self._database.session() as session:
            deployment.write(session)
        self._written_at = monotonic()

    def _storage_is_there(self) -> bool:
        with self._database.snapshot() as session:
            self._storage.storage_id = deployment.known_storage_id(session)
        self._storage.require_id()
        return True


def _throttled(seconds: float, ask: Callable[[], bool]) -> Callable[[], bool]:
    """Call `ask` at most once in `seconds` while it returns True; a failure is not remembered."""
    asked_at = float("-inf")

    def answer() -> bool:
        nonlocal asked_at
        if monotonic() - asked_at < seconds:
            return True
        is_true = ask()
        asked_at = monotonic() if is_true else float("-inf")
        return is_true

    return answer
