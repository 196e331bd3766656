"""Revision 0004, there and back, with rows in every table."""

import json
import math
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from jobs import idempotency, queries
from jobs.errors import IdempotencyKeyReused
from migrations import migrate
from models import DEFAULT_PROJECT, Database, Job, Project
from tests.migrations.conftest import described, downgrade, execute, rows
from training.spec import TrainingSpec

TIME = "'2026-01-01 00:00:00'"
TABLES = ("workers", "jobs", "attempts", "epochs", "steps", "checkpoints", "events", "idempotency_keys")
NEW_TABLES = {"projects", "api_keys", "job_tags", "webhooks", "webhook_deliveries"}

BODY = b'{"spec": {"dataset": "digits"}}'
REQUEST = sha256(b"submit_job\0" + BODY).hexdigest()  # as release 0003 computed it


def job(job_id: str, spec: str, tags: str, best_epoch: str = "NULL") -> str:
    return f"""INSERT INTO jobs (id, tags, spec, status, attempt, losses, priority, max_retries, devices, queued_at,
                                 best_epoch, created_at)
        VALUES ('{job_id}', '{tags}', '{spec}', 'succeeded', 1, 0, 5, 3, 1, {TIME}, {best_epoch}, {TIME})"""


def epoch(job_id: str, number: int, validation: str, test: str) -> str:
    return f"""INSERT INTO epochs (job_id, epoch, attempt, train_loss, train_accuracy, test_loss, test_accuracy,
                                   validation_accuracy, learning_rate, seconds, images_per_second, recorded_at)
        VALUES ('{job_id}', {number}, 1, 0.75, 0.5, 1.5, {test}, {validation}, 0.1, 2.0, 700.0, {TIME})"""


EARLIER_ROWS = (
    f"""INSERT INTO workers (id, slots, devices, torch_version, started_at, seen_at)
        VALUES ('worker', 1, '["cpu"]', '2', {TIME}, {TIME})""",
    job(
        "job_1",
        TrainingSpec(dataset="flowers").model_dump_json().replace(":", r"\:"),
        """["lab", "n\u00e4chtlich", "it''s"]""",
        "1",
    ),
    job("job_2", '{"dataset": "digits", "architecture": "resnet20"}', "[]", "0"),  # as the first release wrote it
    job("job_3", "{}", '["lab"]', "0"),
    job("job_4", '{"dataset": "digits"}', '["lab"]'),
    epoch("job_1", 0, "0.5", "0.875"),
    epoch("job_1", 1, "0.75", "0.25"),
    epoch("job_2", 0, "NULL", "0.125"),
    epoch("job_3", 0, "NULL", "'NaN'"),
    f"""INSERT INTO attempts (job_id, number, worker, started_at) VALUES ('job_1', 1, 'worker', {TIME})""",
    f"""INSERT INTO steps (job_id, epoch, step, attempt, loss, learning_rate, recorded_at)
        VALUES ('job_1', 0, 3, 1, 0.5, 0.1, {TIME})""",
    f"""INSERT INTO checkpoints (name, job_id, attempt, epoch, step, size_bytes, sha256, failed_loads, created_at)
        VALUES ('job_1/attempt-0001/a', 'job_1', 1, 2, 0, 3, '0', 0, {TIME})""",
    f"""INSERT INTO events (job_id, attempt, type, message, created_at)
        VALUES ('job_1', 1, 'running', 'It runs.', {TIME})""",
    f"""INSERT INTO idempotency_keys (key, request, job_id, answer, created_at)
        VALUES ('the-key', '{REQUEST}', 'job_1', 'as it was', CURRENT_TIMESTAMP)""",
)

NEW_ROWS = (
    f"INSERT INTO projects (id, storage_bytes, created_at) VALUES ('other', 0, {TIME})",
    f"""INSERT INTO api_keys (id, project, name, secret_sha256, scopes, created_at)
        VALUES ('key', 'other', 'a key', '0', '["read"]', {TIME})""",
    f"""INSERT INTO webhooks (id, project, url, events, secret, enabled, created_at)
        VALUES ('hook', 'other', 'https://example.org', '[]', 'whsec', TRUE, {TIME})""",
    f"""INSERT INTO webhook_deliveries (id, webhook_id, type, payload, attempts, next_attempt_at, created_at)
        VALUES ('delivery', 'hook', 'job.succeeded', '{{}}', 0, {TIME}, {TIME})""",
    "UPDATE jobs SET project = 'other', revision = 7, description = 'of the other' WHERE id = 'job_2'",
    f"""INSERT INTO idempotency_keys (project, key, request, job_id, answer, created_at)
        VALUES ('other', 'the-key', '0', 'job_2', 'another', {TIME})""",
    f"""INSERT INTO events (job_id, attempt, type, message, epoch, created_at)
        VALUES ('job_1', 1, 'epoch', 'Epoch 1.', 1, {TIME})""",
)


@pytest.fixture
def earlier(empty: Database) -> Database:
    """A database of the revision before, with rows."""
    migrate(empty, "0003")
    execute(empty, *EARLIER_ROWS)
    return empty


def everything(database: Database) -> dict[str, list[str]]:
    """Every row of the tables that both revisions have, in the columns that the earlier one has."""
    return {table: sorted(map(repr, rows(database, f"SELECT {COLUMNS[table]} FROM {table}"))) for table in TABLES}


COLUMNS = {
    "workers": "id, slots, devices, torch_version, started_at, seen_at",
    "jobs": "id, name, tags, spec, status, priority, queued_at, latest_epoch, best_epoch, created_at",
    "attempts": "job_id, number, worker, started_at",
    "epochs": "job_id, epoch, attempt, train_loss, test_accuracy, validation_accuracy, recorded_at",
    "steps": "job_id, epoch, step, attempt, loss, learning_rate, recorded_at",
    "checkpoints": "name, job_id, attempt, epoch, step, size_bytes, sha256, failed_loads, created_at",
    "events": "id, job_id, attempt, type, message, created_at",
    "idempotency_keys": "key, request, job_id, answer",
}


def test_on_the_way_up_no_row_changes_but_for_what_is_new(earlier: Database) -> None:
    before = everything(earlier)
    migrate(earlier)
    assert everything(earlier) == before
    assert set(rows(earlier, "SELECT project, revision, description, deleted_at FROM jobs")) == {
        (DEFAULT_PROJECT, 0, None, None)
    }
    with earlier.snapshot() as session:
        assert session.get_one(Project, DEFAULT_PROJECT).max_running_jobs is None
        assert queries.find(session, "job_1").job.name is None


def test_what_jobs_are_looked_for_by_is_filled_in_from_what_they_say(earlier: Database) -> None:
    migrate(earlier)
    with earlier.snapshot() as session:
        jobs = [session.get_one(Job, f"job_{number}") for number in (1, 2, 3, 4)]
        assert [(found.dataset, found.architecture) for found in jobs] == [
            ("flowers", TrainingSpec(dataset="flowers").architecture.name),
            ("digits", "resnet20"),
            (None, None),
            ("digits", None),
        ]
        accuracies = [found.best_accuracy for found in jobs]
    # What was held out for validation decides, where there was something.
    assert accuracies[:2] == [0.75, 0.125]
    assert accuracies[2] is not None
    assert math.isnan(accuracies[2])
    assert accuracies[3] is None
    assert sorted(rows(earlier, "SELECT project, tag, job_id FROM job_tags")) == [
        (DEFAULT_PROJECT, "it's", "job_1"),
        *((DEFAULT_PROJECT, "lab", job_id) for job_id in ("job_1", "job_3", "job_4")),
        (DEFAULT_PROJECT, "n\u00e4chtlich", "job_1"),
    ]


def test_a_key_of_before_is_answered_as_before_and_belongs_to_its_project(earlier: Database) -> None:
    migrate(earlier)
    with earlier.session() as session:
        first = idempotency.reserve(session, DEFAULT_PROJECT, "the-key", "submit_job", BODY)
        assert first
        assert (first.job_id, first.answer) == ("job_1", "as it was")
    with earlier.session() as session, pytest.raises(IdempotencyKeyReused):
        idempotency.reserve(session, DEFAULT_PROJECT, "the-key", "submit_job", b"{}")
    with earlier.session() as session:
        assert idempotency.reserve(session, "other", "the-key", "submit_job", b"{}") is None


def test_the_queue_is_still_in_the_order_in_which_it_is_served(earlier: Database) -> None:
    """What SQLite says of an index's columns leaves out which way they go: whoever copies a table loses it."""
    before = described(earlier, ["jobs"])["jobs"].indexes
    assert "priority DESC" in before["ix_jobs_queue"]
    migrate(earlier, "0007")  # the next one puts the status in front
    after = described(earlier, ["jobs"])["jobs"].indexes
    assert {name: after[name] for name in before} == before


def test_afterwards_no_row_can_point_to_a_project_that_is_not(earlier: Database) -> None:
    migrate(earlier)
    execute(earlier, *NEW_ROWS)
    for statement in (
        "UPDATE jobs SET project = 'nobody'",
        "UPDATE api_keys SET project = 'nobody'",
        "UPDATE webhooks SET project = 'nobody'",
        "UPDATE webhook_deliveries SET webhook_id = 'nobody'",
        "UPDATE job_tags SET job_id = 'nobody' WHERE tag <> 'lab'",
        "DELETE FROM projects",
        "DELETE FROM jobs",
    ):
        with pytest.raises(IntegrityError):
            execute(earlier, statement)


def test_there_and_back_nothing_is_lost_but_what_only_projects_have(earlier: Database) -> None:
    before, shapes = everything(earlier), described(earlier, TABLES)
    migrate(earlier)
    execute(earlier, *NEW_ROWS)
    downgrade(earlier, "0003")
    assert described(earlier, TABLES) == shapes
    assert NEW_TABLES.isdisjoint(inspect(earlier.engine).get_table_names())
    assert everything(earlier) == before

    migrate(earlier)  # what the jobs say themselves comes back
    assert len(rows(earlier, "SELECT 1 FROM job_tags")) == 5
    assert rows(earlier, "SELECT project, dataset, best_accuracy FROM jobs WHERE id = 'job_2'") == [
        (DEFAULT_PROJECT, "digits", 0.125)
    ]


SHAPES = """
import json
from migrations import migrate
from models import Base, Database
from sqlalchemy import inspect
database = Database("sqlite:///{path}")
migrate(database)
seen = inspect(database.engine)
print(json.dumps({{
    table: [
        seen.get_pk_constraint(table),
        sorted(map(repr, seen.get_foreign_keys(table))),
        sorted([index["name"], index["column_names"]] for index in seen.get_indexes(table)),
        sorted(map(repr, seen.get_check_constraints(table))),
        sorted(map(repr, seen.get_columns(table))),
    ]
    for table in Base.metadata.tables
}}))
"""


def test_on_sqlite_every_process_makes_the_same_tables(tmp_path: Path) -> None:
    """Copying a table goes through sets, whose order a process's hash seed decides."""
    made = []
    for seed in ("1", "2", "4"):
        code = SHAPES.format(path=tmp_path / f"{seed}.db")
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        made.append(json.loads(output))
    assert made[0] == made[1] == made[2]
    key, *_ = made[0]["idempotency_keys"]
    assert key == {"constrained_columns": ["project", "key"], "name": "pk_idempotency_keys"}


def test_files_are_counted_and_epochs_of_what_has_not_ended_are_told(earlier: Database) -> None:
    execute(
        earlier,
        "UPDATE jobs SET status = 'running', weights = NULL WHERE id = 'job_1'",
        """UPDATE jobs SET weights = '{"name": "w", "size_bytes": 100, "sha256": "0"}' WHERE id = 'job_2'""",
    )
    [(checkpoints,)] = rows(earlier, "SELECT coalesce(sum(size_bytes), 0) FROM checkpoints WHERE job_id = 'job_2'")
    [(all_checkpoints,)] = rows(earlier, "SELECT sum(size_bytes) FROM checkpoints")
    epochs = [epoch for (epoch,) in rows(earlier, "SELECT epoch FROM epochs WHERE job_id = 'job_1' ORDER BY epoch")]
    assert epochs
    migrate(earlier)
    assert rows(earlier, "SELECT storage_bytes FROM jobs WHERE id = 'job_2'") == [(100 + checkpoints,)]
    [(stored,)] = rows(earlier, "SELECT storage_bytes FROM projects")
    assert stored == 100 + all_checkpoints
    told = rows(earlier, "SELECT epoch FROM events WHERE job_id = 'job_1' AND type = 'epoch' ORDER BY id")
    assert [epoch for (epoch,) in told] == epochs
