"""Whether one tenant can keep the API from another.

`python -m benchmarks.tenants` lets one key ask each route in turn over sixty connections, as fast as it is answered,
and measures meanwhile how long another tenant waits for `GET /v1/jobs?limit=1`, ten times a second. Nothing has a core
of its own: API, database, attacker and victim share the machine as they would.
"""

import argparse
import asyncio
import io
import multiprocessing
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from sqlalchemy import delete, func, insert, select, update

from access import keys
from benchmarks import api_service
from benchmarks.api_load import Address, Measured, ask, open_loop
from benchmarks.api_rows import LARGE_EPOCHS, PROJECTS, SIZES
from benchmarks.api_speed import run
from benchmarks.result import print_table, save
from benchmarks.tenant_attacks import Attack, Prey, Target, attack, attacks
from jobs import dataset_versions, new_versions, tasks
from jobs.dataset_versions import Validated
from models import (
    DEFAULT_PROJECT,
    Checkpoint,
    Database,
    Dataset,
    DatasetVersion,
    Epoch,
    Event,
    Job,
    JobStatus,
    Step,
    Task,
    Upload,
    UploadPart,
    Webhook,
    WebhookDelivery,
)
from storage import Storage
from training.images.packs import ImageIndex
from worker.validation.__main__ import carry_out
from worker.validation.messages import Found, ValidationOrder

CONNECTIONS = 60
PER_SECOND = 10.0
SECONDS = 4.0
WARMING_SECONDS = 1.0

GOAL_MILLISECONDS = 100.0  # p99 of the other tenant

LARGE_ROWS = 10_000
FILE_BYTES = 64 * 1024 * 1024

CHECKPOINT = "attempt-0001/epoch-0001-step-000000.safetensors"


@dataclass(frozen=True, slots=True)
class Row:
    """What the other tenant saw while one route was attacked, in milliseconds."""

    database: str
    attack: str
    p50: float
    p99: float
    highest: float
    attacked_per_second: float  # answers that the attacker got
    attacked_statuses: dict[int, int]
    failures: int  # of the other tenant's requests, those that were not 200


@dataclass(frozen=True, slots=True)
class Scene:
    """A running API with two tenants."""

    attacker: Target
    victim: Address
    prey: Prey


@contextmanager
def scene(server: str | None) -> Iterator[Scene]:
    """Filled, and the API over it. Keys are asked for; the rate limit is out of the way, since it is not the point."""
    with (
        tempfile.TemporaryDirectory(prefix="epochal-bench-") as folder,
        api_service.filled(server, SIZES[1_000], name="tenants") as url,
    ):
        database = Database(url)
        storage = Storage(f"file://{folder}/storage")
        prey = _prey(database, storage)
        with database.session() as session:
            attacker = keys.make(session, DEFAULT_PROJECT, "attacker", ["admin"]).key.get_secret_value()
            victim = keys.make(session, PROJECTS[1], "victim", ["read"]).key.get_secret_value()
        database.dispose()
        settings = {
            "EPOCHAL_REQUIRE_KEYS": "true",
            "EPOCHAL_RATE_LIMIT": str(10**9),
            "EPOCHAL_STORAGE_URL": storage.url,
        }
        with api_service.api(url, settings, {}, apart=False) as service:
            address = service.address
            yield Scene(
                Target(address.host, address.port, attacker),
                Address(address.host, address.port, {"Authorization": f"Bearer {victim}"}),
                prey,
            )


def _prey(database: Database, storage: Storage) -> Prey:
    """Jobs of the attacker's project: what there is, and one that has much of everything."""
    mine = (Job.project == DEFAULT_PROJECT) & (Job.latest_epoch == LARGE_EPOCHS - 1)
    with database.session() as session:
        ids = session.scalars(
            select(Job.id).where(mine, Job.status == JobStatus.SUCCEEDED).order_by(Job.id).limit(200)
        ).all()
        large, heavy, *others = ids
        if session.scalars(select(func.count()).where(Epoch.job_id == large)).one() <= LARGE_EPOCHS:
            _grow(session.connection().execute, large)
        weights = storage.put(f"{heavy}/weights.safetensors", secrets.token_bytes(FILE_BYTES))
        session.execute(update(Job).where(Job.id == heavy).values(weights=asdict(weights)))
        checkpoint = storage.put(f"{heavy}/{CHECKPOINT}", secrets.token_bytes(FILE_BYTES))
        if session.get(Checkpoint, checkpoint.name) is None:
            values = {"job_id": heavy, "attempt": 1, "epoch": 1, "step": 0}
            session.add(Checkpoint(name=checkpoint.name, size_bytes=FILE_BYTES, sha256=checkpoint.sha256, **values))
        else:
            session.execute(
                update(Checkpoint).where(Checkpoint.name == checkpoint.name).values(sha256=checkpoint.sha256)
            )
        webhook = session.scalar(select(Webhook.id).where(Webhook.project == DEFAULT_PROJECT))
        if webhook is None:
            webhook = "whk_01kasm2pbk5s9d0w3g6vq8zrhf"
            session.add(
                Webhook(
                    id=webhook,
                    project=DEFAULT_PROJECT,
                    url="https://192.0.2.1/",
                    events=["job.failed"],
                    secret="whsec_",
                )
            )
        session.execute(delete(WebhookDelivery))
    return Prey(others, large, heavy, CHECKPOINT, webhook, _pets(database, storage))


def _pets(database: Database, storage: Storage) -> Sequence[str]:
    """A data set of the attacker, with ten classes of a hundred images each. Their ids."""
    archive = io.BytesIO()
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (1000, 64, 64, 3), np.uint8)
    labels = np.arange(1000) % 10
    np.savez(archive, images=images, labels=labels)
    with database.session() as session:
        for table in (UploadPart, Upload, Task, DatasetVersion, Dataset):  # of an earlier run
            session.execute(delete(table))
        version = new_versions.add_version(session, DEFAULT_PROJECT, "pets", "upload")
        tasks.add(session, tasks.VALIDATE, DEFAULT_PROJECT, "pets", version.number, {})
    with database.session() as session, tempfile.TemporaryDirectory() as folder:
        claim = tasks.claim_next(session, "worker", 600)
        assert claim
        order = ValidationOrder(
            task_id=claim.task_id,
            storage_url=storage.url,
            storage_id=None,
            prefix=f"{dataset_versions.FOLDER}/{DEFAULT_PROJECT}/{claim.task_id}/0001",
            folder=Path(folder),
            processes=2,
            largest_image_megapixels=256,
            upload=(storage.put("uploads/pets/0", archive.getvalue()),),
        )
        found = carry_out(order, storage, lambda _progress: None)
        assert isinstance(found, Found), found
        dataset_versions.settle_ready(
            session, claim, Validated(**found.model_dump(exclude={"kind", "files"}), files=found.files)
        )
        return ImageIndex.from_bytes(storage.read_verified(found.files[0])).ids


def _grow(execute: object, job_id: str) -> None:
    """Thousands of epochs, steps and events."""
    assert callable(execute)
    now = datetime.now(UTC)
    epochs = [
        {
            "job_id": job_id, "epoch": epoch, "attempt": 1, "train_loss": 1.0 + (epoch * 7919 % 1000) / 1000,
            "train_accuracy": 0.5, "test_loss": 1.0 + (epoch * 104729 % 1000) / 1000, "test_accuracy": 0.5,
            "test_top5_accuracy": 0.9, "learning_rate": 0.1, "seconds": 2.0, "images_per_second": 100.0,
            "recorded_at": now,
        }
        for epoch in range(LARGE_EPOCHS, LARGE_ROWS)
    ]  # fmt: skip
    execute(insert(Epoch), epochs)
    steps = [
        {"job_id": job_id, "epoch": step // 10, "step": 1000 + step % 10, "attempt": 1,
         "loss": 1.0 + step * 7919 % 1000, "learning_rate": 0.1, "recorded_at": now}
        for step in range(2 * LARGE_ROWS)
    ]  # fmt: skip
    execute(insert(Step), steps)
    events = [
        {"job_id": job_id, "attempt": 1, "type": "epoch", "message": "An epoch.", "epoch": epoch, "created_at": now}
        for epoch in range(LARGE_EPOCHS, LARGE_ROWS)
    ]
    execute(insert(Event), events)
    execute(update(Job).where(Job.id == job_id).values(latest_epoch=LARGE_ROWS - 1))


def measure(name: str, scene: Scene, kinds: Sequence[Attack], seconds: float) -> Iterator[Row]:
    """Without anybody else first, then beside each attack."""
    yield _row(name, "nobody", _victim(scene, seconds), Counter(), seconds)
    for kind in kinds:
        context = multiprocessing.get_context("fork")  # an attack has functions, which no other way can send
        ours, theirs = context.Pipe()
        process = context.Process(target=_attack, args=(scene.attacker, kind, theirs))
        process.start()
        ours.recv()
        measured = _victim(scene, seconds)
        ours.send(None)
        statuses = ours.recv()
        process.join()
        yield _row(name, kind.name, measured, statuses, seconds)


def _victim(scene: Scene, seconds: float) -> Measured:
    request = scene.victim.request("GET", "/v1/jobs?limit=1")
    return run(open_loop(scene.victim, [request], per_second=PER_SECOND, seconds=seconds))


def _attack(target: Target, kind: Attack, pipe: Connection) -> None:
    statuses: Counter[int] = Counter()

    async def main() -> None:
        stop = asyncio.Event()
        attacking = asyncio.create_task(attack(target, kind, CONNECTIONS, stop, statuses))
        await asyncio.sleep(WARMING_SECONDS)
        statuses.clear()
        pipe.send(None)
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        stop.set()
        await attacking

    asyncio.run(main())
    pipe.send(statuses)


def _row(database: str, name: str, measured: Measured, statuses: Counter[int], seconds: float) -> Row:
    return Row(
        database=database,
        attack=name,
        p50=round(measured.percentile(50), 1),
        p99=round(measured.percentile(99), 1),
        highest=round(measured.latencies[-1] * 1000, 1),
        attacked_per_second=round(statuses.total() / seconds, 1),
        attacked_statuses=dict(sorted(statuses.items())),
        failures=sum(count for status, count in measured.statuses.items() if status != 200),
    )


def show(rows: Sequence[Row]) -> None:
    """A line an attack."""
    print_table(
        ("attack", "p50 ms", "p99", "highest", "attacker/s", "failures", "attacker's answers"),
        [
            (
                f"{row.database}: {row.attack}",
                f"{row.p50:.0f}",
                f"{row.p99:.0f}",
                f"{row.highest:.0f}",
                f"{row.attacked_per_second:.0f}",
                f"{row.failures}",
                " ".join(f"{status}:{count}" for status, count in row.attacked_statuses.items()),
            )
            for row in rows
        ],
    )


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default="postgresql,sqlite")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each attack is watched")
    parser.add_argument("--attack", help="only attacks whose name has this in it")
    asked = parser.parse_args()
    api_service.without_settings()
    rows: list[Row] = []
    for name in asked.databases.split(","):
        with (
            api_service.postgresql() if name == "postgresql" else nullcontext() as server,
            scene(server) as prepared,
        ):
            run(ask(prepared.victim, prepared.victim.request("GET", "/v1/jobs?limit=1")))
            kinds = [kind for kind in attacks(prepared.prey) if not asked.attack or asked.attack in kind.name]
            for row in measure(name, prepared, kinds, asked.seconds):
                rows.append(row)
                print(f"{name}, {row.attack}: p50 {row.p50} ms, p99 {row.p99} ms", flush=True)
    show(rows)
    path = save(
        "_".join(["tenants", *(asked.attack or "").split()]),
        ["fastapi", "starlette", "uvicorn", "sqlalchemy", "psycopg", "pysqlite3", "matplotlib"],
        {
            "connections": CONNECTIONS,
            "victim_requests_per_second": PER_SECOND,
            "goal_p99_milliseconds": GOAL_MILLISECONDS,
            "goal_reached": all(row.p99 < GOAL_MILLISECONDS and not row.failures for row in rows),
            "attacks": [asdict(row) for row in rows],
        },
    )
    print(f"Kept in {path.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main()
