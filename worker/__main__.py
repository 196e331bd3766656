"""`python -m worker`: one worker on this machine, until SIGTERM or Ctrl-C, then it drains."""

import socket
import sys
import warnings

import structlog
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
from ulid import ULID

from jobs.delivery import QUEUE, RUN_JOB, RUN_PASSED_ON, CeleryQueue, queue_of
from logs import configure_logging
from models import Database
from settings import read_settings
from worker.celery_app import create_celery
from worker.fork_server import probe_devices, stop_fork_server
from worker.tasks import Tasks


def main() -> None:
    """Start the worker; returns when it has drained."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        sys.exit("EPOCHAL_REDIS_URL is not set: a worker needs the broker that the API sends to.")
    database = Database(settings.database_url.get_secret_value())
    worker_id = f"{socket.gethostname()[:80]}-{str(ULID())[-8:].lower()}"
    # Most of a second, which the first checkpoint would wait for.
    devices = probe_devices(*(["s3fs"] if settings.storage_url.startswith("s3://") else []))
    tasks = Tasks(worker_id, settings, database, CeleryQueue(settings.redis_url), devices)

    # Celery warns of root because of pickle, which is not accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    app = create_celery(settings.redis_url)
    app.task(tasks.run_job, name=RUN_JOB)
    app.task(tasks.run_passed_on, name=RUN_PASSED_ON)

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
    with tasks.present():
        structlog.get_logger().info("worker ready", worker=worker_id, slots=tasks.slots)
        worker.start()
    database.dispose()
    stop_fork_server()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
