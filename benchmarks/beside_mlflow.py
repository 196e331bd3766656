"""How fast the API answers beside an MLflow tracking server, on the calls that both have.

`python -m benchmarks.beside_mlflow` installs MLflow into an environment of its own and fills it, over its own API, with
the same jobs that `benchmarks.api_rows` fills our database with: their names, tags, status and spec, and four of the
figures of each epoch. Then it asks both servers the same questions, by turns, call by call. Each server has the first
core, and its database shares the other with whoever asks. MLflow runs as `mlflow server` does by itself, with four
processes; Epochal as `make up` runs it, with one.
"""

import argparse
import asyncio
import json
import os
import subprocess
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks import api_service
from benchmarks.api_calls import CALLS
from benchmarks.api_load import Address, Connection, Measured, closed_loop, open_loop
from benchmarks.api_rows import LARGE_EPOCHS, SIZES, jobs_of
from benchmarks.api_speed import CONNECTIONS, forgetting_submitted, run, targets_of
from benchmarks.result import print_table, save
from models import Database, JobStatus

MLFLOW = "3.17.2"
FOLDER = api_service.FILLED / f"mlflow-{MLFLOW}"
START_SECONDS = 120.0

SIZE = SIZES[1_000]
FILLERS = 4  # connections

SECONDS = 4.0
# Which MLflow keeps up with in most calls.
PER_SECOND = 20.0

METRICS = {"train_loss": 2.0, "train_accuracy": 0.4, "test_loss": 2.1, "test_accuracy": 0.5}
BEST = "best_accuracy"
FILLING, FILLED = "being filled", "filled"  # an experiment, and what it is called once it is whole
STATUSES = {
    JobStatus.SUCCEEDED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
    JobStatus.STOPPED: "KILLED",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.PAUSED: "SCHEDULED",
    JobStatus.QUEUED: "SCHEDULED",
}


@dataclass(frozen=True, slots=True)
class Comparable:
    """What one of our calls is with MLflow."""

    call: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None

    def requests(self, mlflow: "Filled") -> list[bytes]:
        """For each run, or the only one there is."""
        if self.body is None:
            return [mlflow.address.request(self.method, self.path.format(run)) for run in mlflow.runs]
        # What is made meanwhile is not in the way of those that search: of ours it is deleted.
        searches = self.path == SEARCH
        within = {"experiment_ids": [mlflow.experiment]} if searches else {"experiment_id": DEFAULT_EXPERIMENT}
        return [mlflow.address.request(self.method, self.path, json.dumps({**self.body, **within}).encode())]


API = "/api/2.0/mlflow"
DEFAULT_EXPERIMENT = "0"  # which every server has
SEARCH = f"{API}/runs/search"
NEWEST = {"max_results": 20, "order_by": ["attributes.start_time DESC"]}

COMPARABLE = (
    Comparable(
        "submit",
        "POST",
        f"{API}/runs/create",
        {"run_name": "of the benchmark", "start_time": 1, "tags": [{"key": "bench", "value": "yes"}]},
    ),
    Comparable("get", "GET", f"{API}/runs/get?run_id={{}}"),
    Comparable(f"metrics: {LARGE_EPOCHS} rows", "GET", f"{API}/metrics/get-history?run_id={{}}&metric_key=test_loss"),
    Comparable("list", "POST", SEARCH, NEWEST),
    Comparable("list: status", "POST", SEARCH, {**NEWEST, "filter": "attributes.status = 'FAILED'"}),
    Comparable("list: dataset", "POST", SEARCH, {**NEWEST, "filter": "params.dataset = 'cifar10'"}),
    Comparable("list: tag", "POST", SEARCH, {**NEWEST, "filter": "tags.thesis = 'yes'"}),
    Comparable("list: name", "POST", SEARCH, {**NEWEST, "filter": "attributes.run_name = 'baseline'"}),
    Comparable("list: best accuracy", "POST", SEARCH, {"max_results": 20, "order_by": [f"metrics.{BEST} DESC"]}),
)


@dataclass(frozen=True, slots=True)
class Filled:
    """An MLflow server that has runs."""

    address: Address
    experiment: str
    runs: Sequence[str]  # that have ended, LARGE_EPOCHS each


@dataclass(frozen=True, slots=True)
class Row:
    """What one call came to with one server; latencies in milliseconds."""

    database: str
    call: str
    server: str
    requests_per_second: float
    busy_p50: float  # of CONNECTIONS that ask as fast as they are answered
    busy_p99: float
    steady_p50: float
    steady_p99: float
    statuses: Mapping[int, int]


def install() -> Path:
    """MLflow, in an environment of its own; its program."""
    program = FOLDER / "bin" / "mlflow"
    if not program.exists():
        print(f"Installing MLflow {MLFLOW} into {FOLDER}.", flush=True)
        venv.create(FOLDER, with_pip=True)
        packages = [f"mlflow=={MLFLOW}", "psycopg[binary]"]
        subprocess.run([FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
    return program


@contextmanager
def mlflow_server(database_url: str) -> Iterator[Address]:
    """`mlflow server` over that database, on the core that our API has."""
    program = install()
    with ExitStack() as stack:
        port = api_service.free_port()
        arguments = ["server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", database_url]
        process = subprocess.Popen(
            [program, *arguments, "--default-artifact-root", str(FOLDER / "artifacts")],
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=api_service.on_api_core,
        )
        stack.callback(api_service.end, process)
        address = Address("127.0.0.1", port, {})
        api_service.wait_for(address, process, "/health", START_SECONDS)
        yield address


async def fill(address: Address) -> None:
    """Make a run of each job, over MLflow's own API. One that was broken off is not gone on with: it has another
    experiment."""
    created = await _ask(address, "experiments/create", {"name": f"{FILLING} {time.time()}"})
    jobs = iter(list(jobs_of(SIZE)))

    async def filler() -> None:
        for job in jobs:
            started = int(job["created_at"].timestamp() * 1000)
            tags = [{"key": tag, "value": "yes"} for tag in job["tags"]]
            made = {"experiment_id": created["experiment_id"], "start_time": started, "tags": tags}
            made |= {"run_name": job["name"]} if job["name"] else {}
            run_id = (await _ask(address, "runs/create", made))["run"]["info"]["run_id"]
            await _ask(address, "runs/log-batch", {"run_id": run_id, "params": _parameters(job["spec"])})
            if job["best_accuracy"] is not None:
                await _ask(address, "runs/log-batch", {"run_id": run_id, "metrics": _metrics(job, started)})
            ended = {"end_time": started + 3_600_000} if job["finished_at"] else {}
            await _ask(address, "runs/update", {"run_id": run_id, "status": STATUSES[job["status"]], **ended})

    await asyncio.gather(*(filler() for _ in range(FILLERS)))
    await _ask(address, "experiments/update", {**created, "new_name": FILLED})


def _parameters(spec: Mapping[str, Any], within: str = "") -> list[dict[str, str]]:
    """A run's parameters are flat, and text."""
    found: list[dict[str, str]] = []
    for name, value in spec.items():
        if isinstance(value, Mapping):
            found += _parameters(value, f"{within}{name}.")
        else:
            found.append({"key": f"{within}{name}", "value": str(value)})
    return found


def _metrics(job: Mapping[str, Any], started: int) -> list[dict[str, Any]]:
    each = [
        {"key": name, "value": value / (epoch + 1), "timestamp": started + epoch, "step": epoch}
        for epoch in range(job["latest_epoch"] + 1)
        for name, value in METRICS.items()
    ]
    return [*each, {"key": BEST, "value": job["best_accuracy"], "timestamp": started, "step": 0}]


async def _ask(address: Address, call: str, body: Mapping[str, Any]) -> Any:
    connection = await Connection.open(address)
    try:
        answer = await connection.ask(address.request("POST", f"{API}/{call}", json.dumps(body).encode()))
    finally:
        connection.close()
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


async def _experiment(address: Address, name: str) -> str | None:
    named = {"filter": f"name = '{name}'", "max_results": 1}
    found = (await _ask(address, "experiments/search", named)).get("experiments", [])
    return str(found[0]["experiment_id"]) if found else None


async def _filled(address: Address) -> Filled:
    """What there is to ask for."""
    experiment = await _experiment(address, FILLED)
    assert experiment is not None
    ended = {"experiment_ids": [experiment], "max_results": 200, "filter": "attributes.status = 'FINISHED'"}
    runs = (await _ask(address, "runs/search", ended))["runs"]
    return Filled(address, experiment, [run["info"]["run_id"] for run in runs])


def mlflow_database(server_url: str | None) -> str:
    """The URL of MLflow's database beside ours."""
    name = f"mlflow_{SIZE.jobs}"
    if server_url is None:
        return f"sqlite:///{api_service.FILLED / name}.db"
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
    return server_url.replace("/postgres?", f"/{name}?").replace("postgresql://", "postgresql+psycopg://")


def measure(address: Address, requests: Sequence[bytes], seconds: float) -> tuple[Measured, Measured]:
    """As fast as it can, and steadily."""
    fast = run(closed_loop(address, requests, connections=CONNECTIONS, seconds=seconds))
    return fast, run(open_loop(address, requests, per_second=PER_SECOND, seconds=seconds))


def row(database: str, call: str, server: str, measured: tuple[Measured, Measured]) -> Row:
    """Of one server."""
    fast, steady = measured
    return Row(
        database=database,
        call=call,
        server=server,
        requests_per_second=round(fast.per_second, 1),
        busy_p50=round(fast.percentile(50), 3),
        busy_p99=round(fast.percentile(99), 3),
        steady_p50=round(steady.percentile(50), 3),
        steady_p99=round(steady.percentile(99), 3),
        statuses=dict(fast.statuses),
    )


def rows_of(name: str, server_url: str | None, seconds: float) -> Iterator[Row]:
    """Each call with both, by turns."""
    calls = {call.name: call for call in CALLS}
    with ExitStack() as stack:
        address = stack.enter_context(mlflow_server(mlflow_database(server_url)))
        if run(_experiment(address, FILLED)) is None:
            run(fill(address))
        mlflow = run(_filled(address))
        url = stack.enter_context(api_service.filled(server_url, SIZE))
        epochal = stack.enter_context(api_service.api(url, {}, {}))
        database = Database(url)
        stack.callback(database.dispose)
        targets = targets_of(database)
        for each in COMPARABLE:
            yield row(name, each.call, "mlflow", measure(mlflow.address, each.requests(mlflow), seconds))
            ours = run(calls[each.call].requests(epochal.address, targets))
            with forgetting_submitted(database):
                yield row(name, each.call, "epochal", measure(epochal.address, ours, seconds))


def show(rows: Sequence[Row]) -> None:
    """A line a call and server."""
    lines = [
        (
            f"{row.database}: {row.call}: {row.server}",
            f"{row.requests_per_second:.0f}",
            f"{row.busy_p50:.1f}",
            f"{row.busy_p99:.1f}",
            f"{row.steady_p50:.1f}",
            f"{row.steady_p99:.1f}",
            " ".join(f"{status}" for status in row.statuses),
        )
        for row in rows
    ]
    print_table(("call", "requests/s", "busy p50", "p99", f"{PER_SECOND:.0f}/s p50", "p99", "status"), lines)


def main() -> None:
    """Measure, print a table, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default="postgresql,sqlite")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each way of asking takes")
    asked = parser.parse_args()
    install()
    api_service.stand_apart()
    rows: list[Row] = []
    for name in asked.databases.split(","):
        with api_service.postgresql() if name == "postgresql" else nullcontext() as server:
            rows += rows_of(name, server, asked.seconds)
    show(rows)
    ahead = all(
        ours.requests_per_second > theirs.requests_per_second
        and ours.busy_p99 < theirs.busy_p99
        and ours.steady_p99 < theirs.steady_p99
        for theirs, ours in zip(rows[::2], rows[1::2], strict=True)
    )
    path = save(
        "beside_mlflow",
        ["fastapi", "uvicorn", "sqlalchemy", "pydantic"],
        {
            "mlflow": MLFLOW,
            "jobs": SIZE.jobs,
            "epochs": LARGE_EPOCHS,
            "connections": CONNECTIONS,
            "steady_requests_per_second": PER_SECOND,
            "goal_ahead_on_every_call": ahead,
            "calls": [asdict(each) for each in rows],
        },
    )
    print(f"Kept in {path.relative_to(Path.cwd())}. Ahead on every call: {'yes' if ahead else 'no'}.")


if __name__ == "__main__":
    main()
