"""Deletes files that no job needs any more, in a thread of its own: a slow storage must not delay what renews leases.

What fails is tried again: every file that no row names is found by the next collection of garbage.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import structlog

from jobs import changes, dataset_garbage, garbage, retention, trained_models
from models import Database, DatabaseUnavailable, log_outage
from storage import Storage

log = structlog.get_logger()


class Janitor:
    """Returns at once from every method: the work is done later, one piece after the other."""

    def __init__(self, database: Database, storage: Storage, should_stop: Callable[[], bool]) -> None:
        """`should_stop` ends a collection of all jobs' garbage early."""
        self._database = database
        self._storage = storage
        self._should_stop = should_stop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="janitor")

    def collect_job(self, job_id: str) -> None:
        """Delete the files of one job that no row names."""
        self._submit(partial(garbage.collect, self._database, self._storage, job_id))

    def collect_all(self) -> None:
        """Delete the files of all jobs, data sets and trained models that no row names."""
        self._submit(partial(garbage.collect_all, self._database, self._storage, self._should_stop))
        self._submit(partial(dataset_garbage.collect, self._database, self._storage, self._should_stop))

    def purge_deleted(self) -> None:
        """Delete the files of deleted jobs, trained models and data sets, and then their rows."""
        self._submit(partial(changes.purge, self._database, self._storage, changes.HIDDEN_SECONDS))
        self._submit(partial(trained_models.purge_deleted, self._database, self._storage))
        self._submit(partial(dataset_garbage.purge, self._database, self._storage))

    def apply_retention(self) -> None:
        """Remove what projects' rules say. The files are deleted later."""
        self._submit(partial(retention.apply_all, self._database))

    def delete(self, names: list[str]) -> None:
        """Delete these files."""
        self._submit(partial(self._storage.delete, names))

    def close(self) -> None:
        """Drop what is not begun: another worker's collection finds it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[[], object]) -> None:
        def run_logged() -> None:
            try:
                work()
            except OSError as error:
                log.warning("storage does not answer", error=str(error))
            except DatabaseUnavailable as error:
                log_outage(log, error)
            except Exception:
                log.exception("cleaning failed")

        with suppress(RuntimeError):  # closed: the worker is leaving
            self._thread.submit(run_logged)
