"""Whether this worker can do its work: looked at when it starts, and every few seconds from then on.

A worker that cannot begins no job: on another release's schema, or without the storage, an attempt would cost its job a
retry, or what it has trained.
"""

import structlog

from jobs.deployment import settle_storage
from jobs.own_storage import OwnStorage
from models import Database, DatabaseUnavailable

LOOK_SECONDS = 5.0

log = structlog.get_logger()


class Fitness:
    """What stands in this worker's way. The log has a line where that changes."""

    def __init__(self, database: Database, storage: OwnStorage) -> None:
        self._database = database
        self._storage = storage
        self.flaw: str | None = "It has not been looked at yet."

    def look(self) -> None:
        """Look anew."""
        flaw = self._found()
        if flaw and flaw != self.flaw:
            log.warning("no job is begun", why=flaw)
        elif self.flaw and not flaw:
            log.info("jobs are begun", storage=self._storage.mark)
        self.flaw = flaw

    def _found(self) -> str | None:
        try:
            if flaw := self._database.schema().flaw:
                return flaw
            if self._storage.mark is None:
                settle_storage(self._database, self._storage)
            else:
                self._storage.require_mark()
        except DatabaseUnavailable as error:
            return error.title()
        except OSError as error:
            return f"{error.strerror or error}."
        return None
