"""Many watchers of the stream: how long after its commit an epoch is with each of them.

Epochs are recorded by a process of its own, as a worker records them. The clock is the machine's monotonic one, which
all processes share: from when the writer's commit has returned to when a watcher has the event's bytes.
"""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import psycopg
from sqlalchemy import func, select, update

from benchmarks import api_service
from benchmarks.api_load import Address, Measured
from benchmarks.api_rows import LARGE_EPOCHS, SIZES, WORKER
from benchmarks.result import print_table
from jobs import recording
from jobs.fence import Claim
from logs import configure_logging
from models import DEFAULT_PROJECT, Attempt, Database, Epoch, Event, Job, JobStatus
from training.metrics import EpochMetrics
from training.spec import TrainingSpec

WATCHERS = 1_000
CONNECTING = 50  # at once
SECONDS = 20.0
IDLE_SECONDS = 5.0
GOAL_SECONDS = 0.25

_EPOCH = re.compile(rb"event: epoch\r?\n")
_NUMBER = re.compile(rb'"epoch":(\d+)')  # as its event says; parsing a thousand of them would take long


@dataclass(frozen=True, slots=True)
class Watched:
    """What it came to, in milliseconds from a commit to a watcher."""

    database: str
    watchers: int
    jobs: int
    epochs_per_second: float
    epochs: int
    arrivals: int
    missing: int
    doubled: int
    p50: float
    p99: float
    highest: float
    api_cpu_share: float  # of one core
    transactions_per_second: float | None  # of the API and the writer; PostgreSQL counts them
    idle_transactions_per_second: float | None  # of the API, with as many watchers, while nothing happens
    goal_reached: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Epochs that are recorded of jobs in turn, `per_second`."""

    job_ids: Sequence[str]
    first_epoch: int
    per_second: float


class Watcher(asyncio.Protocol):
    """One client's stream."""

    def __init__(self, job_id: str, request: bytes) -> None:
        self._job_id = job_id
        self._request = request
        self._rest = b""
        self.opened = asyncio.get_running_loop().create_future()
        self.arrived: list[tuple[str, int, float]] = []  # job, epoch, when

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        now = time.monotonic()
        if not self.opened.done():
            self.opened.set_result(data[9:12])
        *whole, self._rest = re.split(rb"\r?\n\r?\n", self._rest + data)
        for event in whole:
            if _EPOCH.search(event) and (found := _NUMBER.search(event)):
                self.arrived.append((self._job_id, int(found[1]), now))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("The stream was closed before it began."))


def measure(name: str, server: str | None, watchers: int) -> list[Watched]:
    """All of one job, which has an epoch twice a second; then each of a job of its own, 50 epochs a second together."""
    size = SIZES[min(SIZES)]
    with api_service.filled(server, size, name="watched") as url:
        database = Database(url)
        job_ids = _running(database, watchers)
        found = []
        for watched, per_second in (([job_ids[0]] * watchers, 2.0), (job_ids, 50.0)):
            plan = Plan(sorted(set(watched)), _first_epoch(database), per_second)
            with api_service.api(url, {}, {}) as service:
                found.append(_watch(name, service, database, watched, plan))
        database.dispose()
    return found


def show(found: Sequence[Watched]) -> None:
    """A line for each."""
    columns = ("watchers", "epochs/s", "p50 ms", "p99", "highest", "API CPU", "transactions/s", "idle", "missing")
    lines = [
        (
            f"{each.database}: {each.watchers} of {each.jobs} jobs",
            f"{each.epochs_per_second:.0f}",
            f"{each.p50:.0f}",
            f"{each.p99:.0f}",
            f"{each.highest:.0f}",
            f"{each.api_cpu_share:.0%}",
            "" if each.transactions_per_second is None else f"{each.transactions_per_second:.0f}",
            "" if each.idle_transactions_per_second is None else f"{each.idle_transactions_per_second:.0f}",
            f"{each.missing}",
        )
        for each in found
    ]
    if lines:
        print_table(columns, lines)


def _running(database: Database, count: int) -> Sequence[str]:
    """The ids of so many jobs, which are made to run."""
    with database.session() as session:
        job_ids = session.scalars(select(Job.id).order_by(Job.id).limit(count)).all()
        values = {"status": JobStatus.RUNNING, "owner": WORKER, "attempt": 1, "project": DEFAULT_PROJECT}
        lease = datetime.now(UTC) + timedelta(days=1)
        session.execute(update(Job).where(Job.id.in_(job_ids)).values(lease_until=lease, finished_at=None, **values))
        have = session.scalars(select(Attempt.job_id)).all()
        session.add_all(Attempt(job_id=each, number=1, worker=WORKER) for each in set(job_ids) - set(have))
        ended = update(Attempt).where(Attempt.job_id.in_(job_ids))
        session.execute(ended.values(ended_at=None, end_reason=None))
    return job_ids


def _first_epoch(database: Database) -> int:
    with database.snapshot() as session:
        return max(LARGE_EPOCHS, (session.scalars(select(func.max(Epoch.epoch))).one() or 0) + 1)


def _watch(name: str, service: api_service.Running, database: Database, watched: Sequence[str], plan: Plan) -> Watched:
    with database.snapshot() as session:
        numbers = select(Event.job_id, func.max(Event.number)).where(Event.job_id.in_(plan.job_ids))
        last_events = dict(session.execute(numbers.group_by(Event.job_id)).tuples().all())
    parent, child = multiprocessing.get_context("spawn").Pipe()
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(service.database_url, plan, child))
    writer.start()
    child.close()  # so that its end is heard of
    try:
        watchers, used, counts = asyncio.run(_follow(service, watched, last_events, parent))
    finally:
        parent.close()
        writer.join()
    committed: dict[tuple[str, int], float] = used.committed
    latencies = sorted(at - committed[job, epoch] for each in watchers for job, epoch, at in each.arrived)
    expected = sum(1 for job in watched for other, _ in committed if other == job)
    distinct = sum(len({(job, epoch) for job, epoch, _ in each.arrived}) for each in watchers)
    measured = Measured(SECONDS, latencies, {})
    return Watched(
        database=name,
        watchers=len(watched),
        jobs=len(plan.job_ids),
        epochs_per_second=round(len(committed) / used.seconds, 1),
        epochs=len(committed),
        arrivals=len(latencies),
        missing=expected - distinct,
        doubled=len(latencies) - distinct,
        p50=round(measured.percentile(50), 1),
        p99=round(measured.percentile(99), 1),
        highest=round(latencies[-1] * 1000, 1),
        api_cpu_share=round(used.processor_seconds / used.seconds, 3),
        transactions_per_second=counts and round(counts[1] / used.seconds, 1),
        idle_transactions_per_second=counts and round(counts[0] / IDLE_SECONDS, 1),
        goal_reached=measured.percentile(99) <= GOAL_SECONDS * 1000,
    )


@dataclass(frozen=True, slots=True)
class Used:
    """While epochs were recorded."""

    committed: dict[tuple[str, int], float]  # when, by job and epoch
    seconds: float
    processor_seconds: float  # of the API


async def _follow(
    service: api_service.Running, watched: Sequence[str], last_events: Mapping[str, int], writer: Connection
) -> tuple[list[Watcher], Used, tuple[int, int] | None]:
    watchers = await _open(service.address, watched, last_events)
    await asyncio.sleep(IDLE_SECONDS)  # PostgreSQL counts what opening them took a little later
    started = _transactions(service.database_url)
    await asyncio.sleep(IDLE_SECONDS)
    before = _transactions(service.database_url)
    began, processor = time.monotonic(), service.processor_seconds()
    writer.send("begin")
    committed = await asyncio.to_thread(writer.recv)
    await asyncio.sleep(2.0)  # what takes longer is missing
    seconds = time.monotonic() - began
    used = Used(committed, seconds, service.processor_seconds() - processor)
    after = _transactions(service.database_url)
    for each in watchers:
        each.transport.close()
    if started is None or before is None or after is None:
        return watchers, used, None
    return watchers, used, (before - started, after - before)


async def _open(address: Address, watched: Sequence[str], last_events: Mapping[str, int]) -> list[Watcher]:
    loop = asyncio.get_running_loop()
    turn = asyncio.Semaphore(CONNECTING)

    async def one(job_id: str) -> Watcher:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last_events[job_id])}
        request = address.request("GET", f"/v1/jobs/{job_id}/stream", headers=headers)
        async with turn:
            _, watcher = await loop.create_connection(lambda: Watcher(job_id, request), address.host, address.port)
            status = await watcher.opened
        assert status == b"200", status
        return watcher

    return list(await asyncio.gather(*(one(job_id) for job_id in watched)))


def _transactions(url: str) -> int | None:
    """That PostgreSQL has had in this database; SQLite does not count."""
    if url.startswith("sqlite"):
        return None
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        row = connection.execute(count).fetchone()
    return int(row[0]) if row else None


def _write(url: str, plan: Plan, watching: Connection) -> None:
    """Record epochs for SECONDS once told to, and tell when each was committed."""
    configure_logging("warning", "logfmt")
    database = Database(url)
    spec = TrainingSpec(dataset="digits", epochs=1_000)
    committed: dict[tuple[str, int], float] = {}
    watching.recv()
    began = time.monotonic()
    for number in range(round(SECONDS * plan.per_second)):
        if (early := began + number / plan.per_second - time.monotonic()) > 0:
            time.sleep(early)
        job_id = plan.job_ids[number % len(plan.job_ids)]
        epoch = plan.first_epoch + number // len(plan.job_ids)
        with database.session() as session:
            recording.record_epoch(session, Claim(job_id, 1, spec), _metrics(epoch))
        committed[job_id, epoch] = time.monotonic()
    watching.send(committed)
    database.dispose()


def _metrics(epoch: int) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        train_loss=1.0,
        train_accuracy=0.5,
        test_loss=1.0,
        test_accuracy=0.5,
        test_top5_accuracy=0.9,
        learning_rate=0.1,
        seconds=12.5,
        images_per_second=4000.0,
        device_memory_bytes=None,
    )
