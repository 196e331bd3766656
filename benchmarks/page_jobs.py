"""Ten thousand jobs for the page, and jobs that are under way: `python -m benchmarks.page_jobs URL` records their
epochs until it is ended, as workers would."""

import argparse
import os
import time
from math import exp
from pathlib import Path

from sqlalchemy import insert, text

from benchmarks.api_rows import Size, fill
from environment.addresses import sqlite_address
from jobs import lifecycle, recording, workers
from jobs.fence import Claim
from jobs.submission import Submission
from logs import configure_logging
from migrations import migrate
from models import DEFAULT_PROJECT, Database, Epoch
from training.metrics import EpochMetrics, RunFacts
from training.spec import TrainingSpec

JOBS = 10_000
EARLIER_EPOCHS = 20  # of a job in the list
ALL_EPOCHS = 10_000  # so many may a job have
LEASE_SECONDS = 24 * 3600
FACTS = RunFacts(
    device="cpu", precision="fp32", torch_version="2.15.0", threads=2, parameters=272_474, flops=40_551_808,
    classes=10, image_size=8, channels=1, train_images=1437, dataset_identity="5e" * 32, test_images=360,
    steps_per_epoch=12,
)  # fmt: skip


def filled(path: Path) -> str:
    """The URL of a new database with JOBS jobs of several years, all of them over, in the default project."""
    url = sqlite_address(path)
    database = Database(url)
    migrate(database)
    fill(database, Size(JOBS, EARLIER_EPOCHS, 100))
    with database.session() as session:
        for statement in (
            "UPDATE jobs SET project = :project",
            "UPDATE job_tags SET project = :project",
            "UPDATE jobs SET status = 'cancelled', owner = NULL, lease_until = NULL, finished_at = created_at "
            "WHERE status IN ('queued', 'running', 'paused')",
        ):
            session.execute(text(statement), {"project": DEFAULT_PROJECT} if ":project" in statement else {})
    database.dispose()
    return url


def started(database: Database, count: int, epochs_before: int = 0) -> list[Claim]:
    """So many jobs that run, each with so many epochs behind it."""
    worker = f"benchmark-{os.getpid()}"
    with database.session() as session:
        workers.sign_on(session, worker, slots=count, devices=["cpu"], torch_version="2.15.0", cores=2)
    claims = []
    for number in range(count):
        spec = TrainingSpec(dataset="digits", epochs=ALL_EPOCHS, batch_size=32 * (1 + number % 8))
        with database.session() as session:
            job_id = lifecycle.submit(session, Submission(spec, name=f"live {number}", tags=["live"])).id
            claim = lifecycle.claim(session, job_id, worker, lease_seconds=LEASE_SECONDS, devices=["cpu"])
        assert claim is not None
        with database.session() as session:
            recording.record_start(session, claim, FACTS, None)
            rows = [
                {"job_id": job_id, "attempt": claim.attempt, **metrics_of(epoch, number).model_dump(exclude={"layers"})}
                for epoch in range(epochs_before)
            ]
            if rows:
                session.execute(insert(Epoch), rows)
        if epochs_before:
            record(database, claim, epochs_before, number)
        claims.append(claim)
    return claims


def metrics_of(epoch: int, number: int) -> EpochMetrics:
    """Of a network that learns, with noise that differs from job to job."""
    left, noise = exp(-epoch / 200), ((epoch * 7919 + number * 104729) % 1000) / 20_000
    return EpochMetrics(
        epoch=epoch, train_loss=0.05 + 2.2 * left + noise, train_accuracy=0.99 - 0.8 * left - noise,
        test_loss=0.3 + 2.0 * left + 2 * noise, test_accuracy=0.93 - 0.8 * left - noise, test_top5_accuracy=0.99,
        learning_rate=0.1, seconds=0.5, images_per_second=2874.0, device_memory_bytes=None,
    )  # fmt: skip


def record(database: Database, claim: Claim, epoch: int, number: int) -> None:
    """One epoch, now."""
    with database.session() as session:
        recording.record_epoch(session, claim, metrics_of(epoch, number))


def main() -> None:
    """Start jobs, print their ids in one line, and record epochs of all of them in turn, so many a second of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--per-second", type=float, default=2.0, help="epochs of each job")
    parser.add_argument("--before", type=int, default=0, help="epochs that each has at the beginning")
    arguments = parser.parse_args()
    configure_logging("warning", "logfmt")
    database = Database(arguments.url)
    claims = started(database, arguments.jobs, arguments.before)
    print(" ".join(claim.job_id for claim in claims), flush=True)
    begun, written = time.monotonic(), 0
    epoch = arguments.before + 1
    while True:
        for number, claim in enumerate(claims):
            record(database, claim, epoch, number)
            written += 1
            ahead = begun + written / (arguments.per_second * len(claims)) - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        epoch += 1
        print(f"{written / (time.monotonic() - begun):.1f}", flush=True)


if __name__ == "__main__":
    main()
