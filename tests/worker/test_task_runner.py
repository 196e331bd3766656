"""Tasks beside training: claimed, watched, taken over, and ended with a cause."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select, update

from jobs import dataset_deletion, dataset_versions, reconciler, tasks, uploads
from jobs.uploads import UploadRequest, UploadWriter
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, DatasetVersion, ModelTask, Task, TaskStatus, VersionStatus
from models.columns import DatabaseNow
from settings import Settings
from tests.api.test_models import trained
from tests.processes import descendants, validations
from tests.stage import Stage
from tests.worker.validation.archives import tree, zipped
from worker import task_runner
from worker.exporting.messages import ExportOrder
from worker.task_runner import TaskRunner
from worker.validation.messages import ValidationOrder

PATIENCE_SECONDS = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path})


@pytest.fixture
def storage(settings: Settings) -> VerifiedStorage:
    return VerifiedStorage(settings.storage_url)


class Runners:
    """Workers' runners, each with a name of its own."""

    def __init__(self, settings: Settings, database: Database, storage: VerifiedStorage) -> None:
        self._parts = settings, database, storage
        self.running: list[TaskRunner] = []
        self.deleted: list[str] = []
        self.draining = threading.Event()

    def start(self) -> TaskRunner:
        settings, database, storage = self._parts
        worker = f"worker-{len(self.running)}"
        runner = TaskRunner(worker, settings, database, storage, self.draining, self.deleted.extend)
        runner.start()
        runner.wake()
        self.running.append(runner)
        return runner


@pytest.fixture
def runners(settings: Settings, database: Database, storage: VerifiedStorage) -> Iterator[Runners]:
    made = Runners(settings, database, storage)
    yield made
    for runner in made.running:
        runner.close()


def upload(database: Database, storage: VerifiedStorage, content: bytes, dataset: str = "pets") -> int:
    """The number of the version."""
    with database.session(DEFAULT_PROJECT) as session:
        row = uploads.begin(session, DEFAULT_PROJECT, UploadRequest(dataset, len(content)), 2**40)
    writer = UploadWriter(database, storage, row, 2**40)
    writer.write(content)
    writer.store()
    complete = uploads.finish(database, row.id)
    assert complete.version
    return complete.version


def version(database: Database, number: int = 1) -> DatasetVersion:
    with database.snapshot() as session:
        return dataset_versions.find(session, DEFAULT_PROJECT, "pets", number)


def task(database: Database) -> Task:
    with database.snapshot() as session:
        return session.scalars(select(Task)).one()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def programs() -> list[int]:
    """Validations that run."""
    return validations(os.getpid())


def test_an_upload_becomes_a_version_and_its_parts_go(
    database: Database, storage: VerifiedStorage, runners: Runners
) -> None:
    upload(database, storage, zipped(tree()))
    runners.start()
    until(lambda: version(database).status != VersionStatus.VALIDATING)
    found = version(database)
    assert (found.status, found.train_images, found.error) == (VersionStatus.READY, 8, None)
    until(lambda: runners.deleted)
    assert all(name.startswith("uploads/") for name in runners.deleted)
    assert (task(database).status, task(database).attempt) == (TaskStatus.SUCCEEDED, 1)


def test_what_is_no_data_set_fails_with_the_reason(
    database: Database, storage: VerifiedStorage, runners: Runners
) -> None:
    upload(database, storage, zipped({"notes.txt": b"hello"}))
    runners.start()
    until(lambda: version(database).status == VersionStatus.FAILED)
    error = version(database).error
    assert error
    assert error["code"] == "dataset_invalid"
    assert "no image" in error["message"]


def test_a_program_that_is_killed_again_and_again_is_given_up_with_the_cause(
    database: Database, storage: VerifiedStorage, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(task_runner, "LOOK_SECONDS", 0.01)
    upload(database, storage, zipped(tree()))
    runner = runners.start()

    def kill() -> bool:
        for pid in programs():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(pid, signal.SIGKILL)
        runner.wake()
        return version(database).status == VersionStatus.FAILED

    until(kill)
    error = version(database).error
    assert error
    assert (error["code"], task(database).attempt) == ("worker_lost", 1 + tasks.MOST_LOSSES)
    assert "SIGKILL" in error["message"]


@pytest.mark.parametrize(
    ("end_by", "code", "message"),
    [
        ("", "internal", "The validation failed."),
        (str(int(signal.SIGXCPU)), "timeout", "The validation took more of a processor's time than is allowed."),
    ],
)
def test_what_would_end_every_attempt_is_told_as_what_it_is_and_not_repeated(
    database: Database,
    storage: VerifiedStorage,
    runners: Runners,
    monkeypatch: pytest.MonkeyPatch,
    end_by: str,
    code: str,
    message: str,
) -> None:
    monkeypatch.setenv("END_BY", end_by)
    failing = ("tests.worker.failing_program", "The validation")
    monkeypatch.setitem(task_runner.PROGRAMS, ValidationOrder, failing)
    upload(database, storage, zipped(tree()))
    runners.start()
    until(lambda: (seen := task(database)).status == TaskStatus.FAILED or seen.losses)
    error = version(database).error
    assert error
    assert (error["code"], error["message"]) == (code, message)
    assert "secret" not in str(error)
    assert (task(database).status, task(database).attempt) == (TaskStatus.FAILED, 1)


def test_the_cause_that_ends_an_export_does_not_speak_of_uploads(
    database: Database, storage: VerifiedStorage, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("END_BY", str(int(signal.SIGXCPU)))
    monkeypatch.setitem(task_runner.PROGRAMS, ExportOrder, ("tests.worker.failing_program", "The export"))
    trained(Stage(database, storage), exports=("onnx",))
    runners.start()
    until(lambda: task(database).status == TaskStatus.FAILED)
    with database.snapshot() as session:
        error = session.scalars(select(ModelTask.error)).one()
    assert error
    assert (error["code"], error["hint"]) == ("timeout", "Ask for fewer formats at once.")


def test_a_program_that_reads_no_long_order_keeps_no_worker_from_leaving(
    database: Database, storage: VerifiedStorage, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(task_runner.PROGRAMS, ExportOrder, ("tests.worker.waiting_program", "The export"))
    stage = Stage(database, storage)
    classes = [f"class {number:06}" for number in range(10_000)]
    stage.succeed(stage.start(stage.submit()), classes=classes, exports=("onnx",))
    runner = runners.start()
    until(lambda: task(database).status == TaskStatus.RUNNING)
    leaving = threading.Thread(target=runner.close, daemon=True)
    leaving.start()
    leaving.join(PATIENCE_SECONDS / 4)
    has_left = not leaving.is_alive()
    for pid, command in descendants(os.getpid()).items():
        if "waiting_program" in command:
            os.kill(pid, signal.SIGKILL)
    assert has_left
    assert (task(database).status, task(database).losses) == (TaskStatus.QUEUED, 0)


def test_what_a_lost_worker_had_is_taken_over(database: Database, storage: VerifiedStorage, runners: Runners) -> None:
    upload(database, storage, zipped(tree()))
    with database.session() as session:
        lost = tasks.claim_next(session, "gone", 30)
        assert lost
        session.execute(update(Task).values(lease_until=DatabaseNow(-1)))
    half = storage.put(f"{dataset_versions.FOLDER}/{lost.project}/{lost.task_id}/0001/pack-0", b"half of it")
    runner = runners.start()
    woken: list[str] = []

    def notify(hint: str) -> bool:
        woken.append(hint)
        return True

    reconciler.sweep(database, notify)
    assert woken == [dataset_versions.WAKE_UP]
    runner.wake()
    until(lambda: version(database).status == VersionStatus.READY)
    assert task(database).attempt == 2
    until(lambda: half.name in runners.deleted)
    assert not {file.name for file in dataset_versions.files_of(version(database))} & {*runners.deleted}
    with database.session() as session, pytest.raises(tasks.TaskFenced):
        tasks.heartbeat(session, lost, 30, {})


def test_a_worker_that_drains_gives_its_task_back_at_no_cost(
    database: Database, storage: VerifiedStorage, runners: Runners
) -> None:
    upload(database, storage, zipped(tree(400, 100)))
    runner = runners.start()
    until(programs)
    runners.draining.set()
    runner.close()
    assert not programs()
    left = task(database)
    assert (left.status, left.losses, left.owner) in [
        (TaskStatus.QUEUED, 0, None),
        (TaskStatus.SUCCEEDED, 0, None),  # on a machine that was fast enough
    ]


def test_a_version_that_is_deleted_meanwhile_leaves_nothing(
    database: Database, storage: VerifiedStorage, runners: Runners
) -> None:
    upload(database, storage, zipped(tree(400, 100)))
    runners.start()
    until(programs)
    with database.session() as session:
        dataset_deletion.delete(session, DEFAULT_PROJECT, "pets")
    until(lambda: not programs())
    with database.snapshot() as session:
        assert session.scalars(select(DatasetVersion.status)).one() in ("validating", "ready")
        assert session.scalars(select(DatasetVersion.deleted_at)).one() is not None
