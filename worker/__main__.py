"""`python -m worker`: one worker on this machine, until SIGTERM or Ctrl-C, then it drains."""

import os
import socket
import sys
import warnings

import structlog
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
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
from worker.worker import Worker

# To the database: a slot's own thread and its attempt's recorder; chores, cleaning, draining, and one to spare.
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
        first = Database(settings.database_url.get_secret_value(), connections=1)
        require_usable(first, wait=True)
        first.dispose()
    _forget_secrets()
    worker_id = f"{socket.gethostname()[:80]}-{str(ULID())[-8:].lower()}"
    # Most of a second, which the first checkpoint would wait for.
    devices = detect_devices(*(["s3fs"] if settings.storage_url.startswith("s3://") else []))
    slots = settings.worker_slots or max(1, len(devices.names))
    most = CONNECTIONS_A_SLOT * slots + FURTHER_CONNECTIONS
    database = Database(
        settings.database_url.get_secret_value(), connections=most, kept=FURTHER_CONNECTIONS, pinned=True
    )
    tasks = Worker(worker_id, settings, database, CeleryQueue(settings.redis_url), devices)

    # Celery warns of root because of pickle, which is not accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    app = create_celery(settings.redis_url)
    app.task(tasks.run_job, name=RUN_JOB)
    app.task(tasks.run_forwarded, name=RUN_FORWARDED)

    def drain(**_signal: object) -> None:
        tasks.drain()

    # Celery's warm shutdown waits for running tasks; this is what makes them end.
    worker_shutting_down.connect(drain)
    worker = app.Worker(
        hostname=worker_id,
        pool_cls="threads",
        concurrency=tasks.slots,
        queues=[QUEUE, queue_of(tasks.device_names)],
        loglevel=settings.log_level,
        quiet=True,  # no banner on standard output
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    warn_of_too_many(database)
    with tasks.present():
        structlog.get_logger().info("worker ready", worker=worker_id, slots=tasks.slots)
        worker.start()
    database.dispose()
    stop_fork_server()
    sys.exit(worker.exitcode)


def _require_files(settings: Settings) -> None:
    """Raises CannotStart where trainers could keep nothing."""
    require_writable(settings.data_dir, "EPOCHAL_DATA_DIR")
    if (folder := Storage(settings.storage_url).folder) is not None:
        require_writable(folder, "EPOCHAL_STORAGE_URL")
    socket_folder()


def _forget_secrets() -> None:
    """So that the processes that train, which need neither database nor broker, do not have their passwords."""
    for name in [name for name in os.environ if name.upper() in ("EPOCHAL_DATABASE_URL", "EPOCHAL_REDIS_URL")]:
        del os.environ[name]


if __name__ == "__main__":
    main()
