"""Whether this worker may begin jobs: checked when it starts, and every few seconds from then on.

A worker whose database has another release's schema, or whose storage is away, begins no job: the attempt would fail
there, and cost its job a retry or what it has trained.
"""

import structlog

from jobs.deployment import bind_storage
from jobs.verified_storage import VerifiedStorage
from models import Database, DatabaseUnavailable

CHECK_SECONDS = 5.0

log = structlog.get_logger()


class Readiness:
    """`reason` says why this worker begins no job; None while it may. The log has a line for each change."""

    def __init__(self, database: Database, storage: VerifiedStorage) -> None:
        self._database = database
        self._storage = storage
        self.reason: str | None = "It has not been checked yet."

    def check(self) -> None:
        """Set `reason` to what is true now."""
        reason = self._find_reason()
        if reason and reason != self.reason:
            log.warning("no job is begun", why=reason)
        elif self.reason and not reason:
            log.info("jobs are begun", storage=self._storage.storage_id)
        self.reason = reason

    def _find_reason(self) -> str | None:
        try:
            if incompatibility := self._database.schema().incompatibility:
                return incompatibility
            if self._storage.storage_id is None:
                bind_storage(self._database, self._storage)
            else:
                self._storage.require_id()
        except DatabaseUnavailable as error:
            return error.title()
        except OSError as error:
            return f"{error.strerror or error}."
        return None
