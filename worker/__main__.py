"""`python -m worker`: one worker on this machine, until SIGTERM or Ctrl-C, then it drains."""

import os
import socket
import sys
import warnings
from typing import Any

import structlog
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
from pydantic import SecretStr
from ulid import ULID

from environment.files import require_writable, socket_folder
from environment.startup import exit_with_one_line
from jobs.delivery import QUEUE, RUN_FORWARDED, RUN_JOB, CeleryQueue, queue_of
from jobs.deployment import require_usable, warn_of_too_many
from logs import configure_logging
from models import Database
from settings import Settings, read_settings
from storage import Storage
from worker.celery_app import create_celery
from worker.fork_server import detect_devices, stop_fork_server
from worker.messages import Devices
from worker.worker import Worker

# Connections to the database: for each slot, one for its own thread and one for its attempt's recorder. Further ones
# are for periodic tasks, the janitor and draining, and one to spare.
CONNECTIONS_A_SLOT = 2
FURTHER_CONNECTIONS = 4


def main() -> None:
    """Start the worker; returns when it has drained."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        sys.exit("EPOCHAL_REDIS_URL is not set: a worker needs the broker that the API sends to.")
    with exit_with_one_line():
        _require_files(settings)
        _require_database(settings)
    _forget_secrets()
    # Most of a second to import s3fs, which the first checkpoint would wait for.
    devices = detect_devices(*(["s3fs"] if settings.storage_url.startswith("s3://") else []))
    database = _database(settings, devices)
    worker_id = f"{socket.gethostname()[:80]}-{str(ULID())[-8:].lower()}"
    worker = Worker(worker_id, settings, database, CeleryQueue(settings.redis_url), devices)
    celery_worker = _celery_worker(worker_id, worker, settings, settings.redis_url)
    warn_of_too_many(database)
    with worker.present():
        structlog.get_logger().info("worker ready", worker=worker_id, slots=worker.slots)
        celery_worker.start()
    database.dispose()
    stop_fork_server()
    sys.exit(celery_worker.exitcode)


def _celery_worker(worker_id: str, worker: Worker, settings: Settings, redis_url: SecretStr) -> Any:
    """Celery's worker, whose tasks are those of `worker`, and whose shutdown drains it."""
    # Celery warns of root because of pickle, which is not accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    app = create_celery(redis_url)
    app.task(worker.run_job, name=RUN_JOB)
    app.task(worker.run_forwarded, name=RUN_FORWARDED)

    def drain(**_signal: object) -> None:
        worker.drain()

    # Celery's warm shutdown waits for the tasks that run. The drain makes them end. `weak`: nothing else holds `drain`.
    worker_shutting_down.connect(drain, weak=False)
    return app.Worker(
        hostname=worker_id,
        pool_cls="threads",
        concurrency=worker.slots,
        queues=[QUEUE, queue_of(worker.device_names)],
        loglevel=settings.log_level,
        quiet=True,  # no banner on standard output
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )


def _database(settings: Settings, devices: Devices) -> Database:
    slots = settings.worker_slots or max(1, len(devices.names))
    most = CONNECTIONS_A_SLOT * slots + FURTHER_CONNECTIONS
    url = settings.database_url.get_secret_value()
    return Database(url, connections=most, kept=FURTHER_CONNECTIONS, pinned=True)


def _require_database(settings: Settings) -> None:
    """Wait until the database answers and can be written. Raises CannotStart where this release cannot work with it."""
    database = Database(settings.database_url.get_secret_value(), connections=1)
    require_usable(database, wait=True)
    database.dispose()


def _require_files(settings: Settings) -> None:
    """Raises CannotStart where a trainer could not write its files."""
    require_writable(settings.data_dir, "EPOCHAL_DATA_DIR")
    if (folder := Storage(settings.storage_url).folder) is not None:
        require_writable(folder, "EPOCHAL_STORAGE_URL")
    socket_folder()


def _forget_secrets() -> None:
    """Take the passwords of database and broker out of the environment, which trainer processes inherit."""
    for name in [name for name in os.environ if name.upper() in ("EPOCHAL_DATABASE_URL", "EPOCHAL_REDIS_URL")]:
        del os.environ[name]


if __name__ == "__main__":
    main()
