"""How fast the API answers, at a thousand, a hundred thousand and a million jobs, on PostgreSQL and on SQLite.

`python -m benchmarks.api_speed` fills the databases where they are not there yet, starts the real API over each, on one
core of its own, and asks it over HTTP from another core, which the database shares: as fast as eight connections can,
one request at a time, and 200 times a second whether or not it keeps up. Then a thousand watchers follow one job, and a
thousand jobs, while epochs are recorded.
"""

import argparse
import asyncio
import json
import secrets
import selectors
import tempfile
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import delete, func, select

from benchmarks import api_service, api_watchers
from benchmarks.api_calls import CALLS, KEYED, Call, Targets
from benchmarks.api_load import Measured, closed_loop, open_loop
from benchmarks.api_rows import SIZES, Size
from benchmarks.result import print_table, save
from models import DEFAULT_PROJECT, Database, Event, IdempotencyKey, Job, JobStatus, JobTag

CONNECTIONS = 8
PER_SECOND = 200.0
SECONDS = 4.0

GOAL_POLL_MILLISECONDS = 10.0  # p99 of a metrics poll at PER_SECOND
GOAL_GROWTH = 1.5  # of one request at the most jobs, against one at the least

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Row:
    """What one call came to; latencies in milliseconds."""

    database: str
    jobs: int
    with_key: bool
    call: str
    requests_per_second: float
    cpu_milliseconds: float  # of the API, a request
    alone_p50: float
    alone_p99: float
    steady_p50: float
    steady_p99: float
    statuses: Mapping[int, int]


@contextmanager
def key_settings(*, with_key: bool) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The API's settings, and the headers that its clients send."""
    with tempfile.TemporaryDirectory() as folder:
        if not with_key:
            yield {}, {}
            return
        key = f"epochal_admin.{secrets.token_urlsafe(32)}"
        file = Path(folder) / "key"
        file.write_text(key)
        settings = {"REQUIRE_KEYS": "true", "ADMIN_KEY_FILE": str(file), "RATE_LIMIT": str(10**9)}
        yield {f"EPOCHAL_{name}": value for name, value in settings.items()}, {"Authorization": f"Bearer {key}"}


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """With a loop whose timers are exact to a microsecond: epoll's are to a millisecond, which would be measured."""

    def loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


def targets_of(database: Database) -> Targets:
    """Jobs to ask for, all of the default project, and all of the same size whatever there is beside them."""
    with database.snapshot() as session:
        mine = select(Job.id).where(Job.project == DEFAULT_PROJECT)
        large = mine.where(Job.latest_epoch == 99, Job.status == JobStatus.SUCCEEDED)
        ids = session.scalars(large.order_by(Job.id).limit(200)).all()
        count = session.scalars(select(func.count()).select_from(mine.subquery())).one()
        middle = session.scalars(mine.order_by(Job.id).offset(count // 2).limit(1)).one()
    return Targets(ids, middle)


@contextmanager
def forgetting_submitted(database: Database) -> Iterator[None]:
    """What is submitted meanwhile would stand in the queue of whoever measures next."""
    with database.snapshot() as session:
        since = session.scalars(select(func.max(Job.id))).one()
    yield
    with database.session() as session:
        for table, column in ((Event, Event.job_id), (JobTag, JobTag.job_id), (Job, Job.id)):
            session.execute(delete(table).where(column > since))
        session.execute(delete(IdempotencyKey))


def measure(service: api_service.Running, call: Call, targets: Targets, seconds: float) -> tuple[Measured, ...]:
    """As many as it can, one at a time, and steadily."""
    requests = run(call.requests(service.address, targets))
    used = service.processor_seconds()
    fast = run(closed_loop(service.address, requests, connections=CONNECTIONS, seconds=seconds))
    used = service.processor_seconds() - used
    alone = run(closed_loop(service.address, requests, connections=1, seconds=seconds))
    steady = run(open_loop(service.address, requests, per_second=PER_SECOND, seconds=seconds))
    return fast, alone, steady, Measured(used, (), {})


def rows_of(name: str, url: str, size: Size, calls: Sequence[Call], *, with_key: bool, seconds: float) -> Iterator[Row]:
    """Each call, on a database."""
    database = Database(url)
    targets = targets_of(database)
    with key_settings(with_key=with_key) as (settings, headers), api_service.api(url, settings, headers) as service:
        for call in calls:
            with forgetting_submitted(database):
                fast, alone, steady, used = measure(service, call, targets, seconds)
            asked = sum(fast.statuses.values()) * (fast.seconds + 1) / fast.seconds  # with those before it counts
            yield Row(
                database=name,
                jobs=size.jobs,
                with_key=with_key,
                call=call.name,
                requests_per_second=round(fast.per_second, 1),
                cpu_milliseconds=round(used.seconds / asked * 1000, 3),
                alone_p50=round(alone.percentile(50), 3),
                alone_p99=round(alone.percentile(99), 3),
                steady_p50=round(steady.percentile(50), 3),
                steady_p99=round(steady.percentile(99), 3),
                statuses=dict(fast.statuses),
            )
    database.dispose()


def show(rows: Sequence[Row]) -> None:
    """A line a call, with what it costs against the same call where there are least jobs."""
    least = {(row.database, row.with_key, row.call): row.alone_p50 for row in reversed(rows)}
    lines = [
        (
            f"{row.database}, {row.jobs} jobs{', key' if row.with_key else ''}: {row.call}",
            f"{row.requests_per_second:.0f}",
            f"{row.cpu_milliseconds:.2f}",
            f"{row.alone_p50:.2f}",
            f"{row.alone_p99:.2f}",
            f"{row.steady_p50:.2f}",
            f"{row.steady_p99:.2f}",
            f"{row.alone_p50 / least[row.database, row.with_key, row.call]:.2f}",
            " ".join(f"{status}" for status in row.statuses),
        )
        for row in rows
    ]
    columns = ("call", "requests/s", "CPU ms", "alone p50", "p99", f"{PER_SECOND:.0f}/s p50", "p99", "growth", "status")
    print_table(columns, lines)


def keep(name: str, rows: Sequence[Row], watched: Sequence[api_watchers.Watched], sizes: Sequence[Size]) -> Path:
    """In a file for each database."""
    polls = [row for row in rows if row.call.startswith("metrics: a new row")]
    return save(
        f"api-{name}",
        ["fastapi", "starlette", "uvicorn", "sqlalchemy", "psycopg", "pysqlite3", "pydantic"],
        {
            "filled": [{**asdict(size), "epoch_rows": size.rows} for size in sizes],
            "connections": CONNECTIONS,
            "steady_requests_per_second": PER_SECOND,
            "goal_poll_p99_milliseconds": GOAL_POLL_MILLISECONDS,
            "goal_poll_reached": all(row.steady_p99 < GOAL_POLL_MILLISECONDS for row in polls),
            "goal_growth": GOAL_GROWTH,
            "calls": [asdict(row) for row in rows],
            "watchers": [asdict(each) for each in watched],
        },
    )


def main() -> None:
    """Measure, print tables, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", default=",".join(map(str, SIZES)), help=f"of {', '.join(map(str, SIZES))}")
    parser.add_argument("--databases", default="postgresql,sqlite")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each way of asking takes")
    parser.add_argument("--watchers", type=int, default=api_watchers.WATCHERS)
    parser.add_argument("--call", help="only calls whose name has this in it")
    asked = parser.parse_args()
    api_service.stand_apart()
    sizes = [SIZES[int(jobs)] for jobs in asked.jobs.split(",")]
    calls = [call for call in CALLS if not asked.call or asked.call in call.name]
    for name in asked.databases.split(","):
        rows: list[Row] = []
        with api_service.postgresql() if name == "postgresql" else nullcontext() as server:
            for size in sizes:
                with api_service.filled(server, size) as url:
                    rows += rows_of(name, url, size, calls, with_key=False, seconds=asked.seconds)
                    print(f"{name}, {size.jobs} jobs: measured without keys.", flush=True)
                    keyed = [call for call in calls if call.name in KEYED]
                    rows += rows_of(name, url, size, keyed, with_key=True, seconds=asked.seconds)
            watched = api_watchers.measure(name, server, asked.watchers) if asked.watchers else []
        show(rows)
        api_watchers.show(watched)
        print(f"Kept in {keep(name, rows, watched, sizes).relative_to(Path.cwd())}: {json.dumps(asked.jobs)}.")


if __name__ == "__main__":
    main()
