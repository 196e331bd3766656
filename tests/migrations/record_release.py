"""Records the statements of a release, to be tried on the schema of the next: `tests/migrations/released/*.json`.

Run by hand, once a release, in a checkout of it (here 0.2.0, before revision 0004), on each database:

    git worktree add /tmp/release 1b340e1^ && cd /tmp/release
    PYTHONPATH=/tmp/release python THIS_FILE sqlite:////tmp/release.db released/0.2.0-sqlite.json
    PYTHONPATH=/tmp/release python THIS_FILE postgresql://… released/0.2.0-postgresql.json

It plays the API, through HTTP, and a worker, through `jobs`: every route that there is, and each way in which an
attempt can begin, report and end. What the driver is given is recorded as it is, and how many rows a write met; of
equal reads, the first.
"""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from api.app import create_app
from jobs import garbage, idempotency, lifecycle, placement, reconciler, recording, requests, workers
from jobs.workers import Load
from migrations import migrate
from models import Database
from settings import Settings
from storage import Storage
from tests.stage import Stage

JOB = {"name": "a job", "tags": ["lab"], "spec": {"dataset": "digits", "epochs": 3}}

recorded: list[tuple[str, Any, int | None]] = []
reads: set[str] = set()


def encoded(value: Any) -> Any:
    """What JSON cannot say of a parameter."""
    match value:
        case dict():
            return {"mapping": {name: encoded(each) for name, each in value.items()}}
        case tuple() | list():
            return [encoded(each) for each in value]
        case datetime():
            return {"time": value.isoformat()}
    if type(value).__name__ in ("Json", "Jsonb"):
        return {"json": value.obj}
    return value


def note(_connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
    """An event of SQLAlchemy's."""
    if statement.startswith(("BEGIN", "PRAGMA")):
        return
    is_read = statement.startswith(("SELECT", "WITH")) and "FOR UPDATE" not in statement
    if is_read and statement in reads:
        return
    reads.add(statement)
    rows = None if many or is_read or "RETURNING" in statement else cursor.rowcount
    recorded.extend((statement, encoded(each), rows) for each in (parameters if many else [parameters]))


def play(settings: Settings, database: Database) -> None:
    """A day of the service."""
    storage = Storage(settings.storage_url)
    stage, app = Stage(database, storage), create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:

        def post(path: str, **options: Any) -> Any:
            answer = client.post(path, **options)
            assert answer.status_code < 300, (path, answer.text)
            return answer.json()

        jobs = [post("/v1/jobs", json=JOB)["id"] for _ in range(9)]
        for _ in range(2):
            post("/v1/jobs", json=JOB, headers={"Idempotency-Key": "a-key"})
        worker = stage.sign_on(slots=2)
        with database.session() as session:
            workers.mark_seen(session, worker, Load(load_average=0.5))
        with database.snapshot() as session:
            placement.next_job(session, ["cpu"])
        claims = [stage.start(job_id) for job_id in jobs[:6]]
        for epoch in range(2):
            stage.steps(claims[0], epoch, {0: 1.5, 1: 1.25})
            stage.epoch(claims[0], epoch)
            stage.checkpoint(claims[0], epoch + 1, 0)
        with database.session() as session:
            lifecycle.heartbeat(session, claims[0], 30)
            recording.record_trouble(session, claims[0], "checkpoint_failed", "No room.")
        with database.snapshot() as session:
            lifecycle.requested(session, claims[0])
        garbage.collect(database, storage, jobs[0])
        stage.succeed(claims[0])
        stage.fail(claims[1])
        stage.checkpoint(claims[2], 1, 0)
        stage.lose(claims[2])
        again = stage.claim(jobs[2])
        with database.session() as session:
            recording.record_loading(session, again, again.checkpoints[0].file.name)
            recording.record_unusable(session, again, again.checkpoints[0].file.name, "damaged")
        post(f"/v1/jobs/{jobs[3]}/pause")
        stage.release_job(claims[3])
        post(f"/v1/jobs/{jobs[3]}/resume")
        post(f"/v1/jobs/{jobs[4]}/cancel")
        stage.release_job(claims[4])
        post(f"/v1/jobs/{jobs[5]}/stop")
        with database.session() as session:
            lifecycle.settle_stop(session, claims[5], stage.weights(claims[5]), 0, 3)
        post(f"/v1/jobs/{jobs[6]}/cancel")
        expired = stage.claim(jobs[7])
        with database.session() as session:
            lifecycle.heartbeat(session, expired, -1)
        reconciler.sweep(database)
        with database.session() as session:
            requests.request_stop(session, jobs[8])
            idempotency.delete_old(session)
            workers.drain(session, worker)
            workers.sign_off(session, worker)
        post(f"/v1/jobs/{jobs[0]}/rerun")
        for path in sorted(path for path, operations in app.openapi()["paths"].items() if "get" in operations):
            client.get(path.replace("{job_id}", jobs[0]).replace("{recipe}", "standard"))
        client.get(f"/v1/jobs/{jobs[0]}/checkpoints/attempt-0001/epoch-0002-step-000000.safetensors")
        client.get("/v1/jobs", params={"status": "succeeded", "limit": 2})


def main() -> None:
    """Two arguments: the address of an empty database, and the file to write."""
    url, file = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {"database_url": url, "data_dir": folder, "redis_url": f"redis+socket://{folder}/none"}
        )
        database = Database(url)
        migrate(database)
        event.listen(Engine, "after_cursor_execute", note)
        play(settings, database)
        database.dispose()
    found = [
        {"statement": statement, "parameters": parameters, "rows": rows} for statement, parameters, rows in recorded
    ]
    Path(file).write_text("\n".join(["[", ",\n".join(json.dumps(each) for each in found), "]", ""]))


if __name__ == "__main__":
    main()
