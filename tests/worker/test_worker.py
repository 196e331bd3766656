"""What a worker takes, in which order, and on what; with trainers that only pretend, and databases that are real."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from jobs import lifecycle, queries, recording, workers
from jobs.delivery import BrokerState
from jobs.fence import Claim
from jobs.submission import Submission
from models import Database, JobStatus
from models import Worker as WorkerRow
from settings import Settings
from storage import StoredFile
from tests.stage import FACTS
from tests.worker.attempts import until
from training.spec import TrainingSpec
from worker import worker as module
from worker.messages import Devices, Order
from worker.recorder import Recorder
from worker.wakeups import MAX_FORWARDS, MAX_POLL_SECONDS, jittered_interval
from worker.worker import Worker


@dataclass
class Messages:
    """A broker that keeps what it is given."""

    sent: list[str] = field(default_factory=list)
    passed_on: list[tuple[str, Sequence[str], int]] = field(default_factory=list)

    def send(self, job_id: str) -> bool:
        self.sent.append(job_id)
        return True

    def forward(self, job_id: str, devices: Sequence[str], times: int) -> bool:
        self.passed_on.append((job_id, devices, times))
        return True

    def state(self) -> BrokerState:
        return "ok"


@dataclass
class Trainers:
    """Stands for supervised trainers: what they were ordered, and when they are through."""

    database: Database
    orders: list[Order] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def supervisor(self, claim: Claim, _recorder: Recorder, **_settings: object) -> "Trainers.One":
        return Trainers.One(self, claim)

    @dataclass
    class One:
        trainers: "Trainers"
        claim: Claim

        def run(self, order: Order) -> None:
            self.trainers.orders.append(order)
            assert self.trainers.go_on.wait(60)
            with self.trainers.database.session() as session:
                recording.record_start(session, self.claim, FACTS)
                lifecycle.settle_success(session, self.claim, StoredFile("a", 1, "b"))


@pytest.fixture
def trainers(database: Database, monkeypatch: pytest.MonkeyPatch) -> Trainers:
    stand_ins = Trainers(database)
    monkeypatch.setattr(module, "Supervisor", stand_ins.supervisor)
    return stand_ins


Work = Callable[..., Worker]


@pytest.fixture
def work(database: Database, trainers: Trainers, tmp_path: Path) -> Iterator[Work]:
    """Makes a worker with the devices that a test gives it."""
    made = list[Worker]()

    def make(*names: str, slots: int | None = None, messages: Messages | None = None) -> Worker:
        settings = Settings(data_dir=tmp_path, worker_slots=slots)
        devices = Devices(names=names, torch_version="2")
        worker = Worker("ours", settings, database, messages or Messages(), devices)
        worker.readiness.check()
        made.append(worker)
        with database.session() as session:
            workers.sign_on(session, "ours", slots=worker.slots, devices=names or ["cpu"], torch_version="2")
        return worker

    yield make
    trainers.go_on.set()
    for worker in made:  # what a worker has begun by itself asks the database, which is about to go
        worker._own.shutdown()
        worker._wakeups.close()
        worker._wakeups._thread.shutdown()


def submit(database: Database, *, priority: int = 5, devices: int = 1, accelerator: str | None = None) -> str:
    spec = TrainingSpec(dataset="digits", epochs=1, batch_size=64, devices=devices)
    with database.session() as session:
        return lifecycle.submit(session, Submission(spec, priority=priority, accelerator=accelerator)).id


def status_of(database: Database, job_id: str) -> JobStatus:
    with database.snapshot() as session:
        return queries.find(session, job_id).job.status


def test_one_message_has_everything_done_by_priority_and_then_by_age(
    database: Database, work: Work, trainers: Trainers
) -> None:
    trainers.go_on.set()
    first, urgent, second = submit(database), submit(database, priority=9), submit(database)
    work().run_job(second)
    assert [order.job_id for order in trainers.orders] == [urgent, first, second]
    assert {status_of(database, each) for each in (first, urgent, second)} == {JobStatus.SUCCEEDED}


def test_a_message_too_many_does_nothing(work: Work, trainers: Trainers) -> None:
    work().run_job("job_01kasm2pbk5s9d0w3g6vq8zrhf")
    assert not trainers.orders


def test_jobs_get_the_devices_that_they_ask_for_and_each_its_own(
    database: Database, work: Work, trainers: Trainers
) -> None:
    two = submit(database, priority=9, devices=2, accelerator="gpu")
    h100 = submit(database, priority=8, accelerator="h100")
    nowhere = submit(database, priority=9, accelerator="cpu")
    worker = work("NVIDIA A100", "NVIDIA A100", "NVIDIA H100")
    with ThreadPoolExecutor(3) as threads:
        threads.submit(worker.run_job, two)
        until(lambda: len(trainers.orders) == 1, "nothing was begun")
        threads.submit(worker.run_job, h100)
        until(lambda: len(trainers.orders) == 2, "the second was not begun")
        trainers.go_on.set()
    by_job = {order.job_id: order.devices for order in trainers.orders}
    assert by_job == {two: ("cuda:0", "cuda:1"), h100: ("cuda:2",)}
    assert status_of(database, nowhere) is JobStatus.QUEUED


def test_two_jobs_share_a_device_where_there_are_more_slots_only(
    database: Database, work: Work, trainers: Trainers
) -> None:
    jobs = [submit(database, accelerator="gpu") for _ in range(2)]
    worker = work("NVIDIA H100", slots=2)
    with ThreadPoolExecutor(2) as threads:
        for job in jobs:
            threads.submit(worker.run_job, job)
        until(lambda: len(trainers.orders) == 2, "the second was not begun")
        trainers.go_on.set()
    assert [order.devices for order in trainers.orders] == [("cuda:0",)] * 2


def test_a_job_that_needs_every_device_waits_for_them_and_is_not_overtaken(
    database: Database, work: Work, trainers: Trainers
) -> None:
    small = submit(database)
    worker = work("NVIDIA H100", "NVIDIA H100")
    with ThreadPoolExecutor(2) as threads:
        threads.submit(worker.run_job, small)
        until(lambda: len(trainers.orders) == 1, "nothing was begun")
        large, later = submit(database, devices=2), submit(database)
        threads.submit(worker.run_job, later)
        until(lambda: worker._pool.waiting, "nobody waits")
        assert len(trainers.orders) == 1
        trainers.go_on.set()
    assert [order.job_id for order in trainers.orders] == [small, large, later]


def test_a_worker_with_a_free_slot_takes_what_no_message_has_told_of(
    database: Database, work: Work, trainers: Trainers
) -> None:
    worker = work()
    worker._poll_queue()
    submit(database, accelerator="h100")
    worker._poll_queue()
    assert not trainers.orders
    ours = submit(database)
    worker._poll_queue()
    until(lambda: len(trainers.orders) == 1, "nothing was begun")
    later = submit(database)
    worker._poll_queue()  # its slot is taken
    worker.run_job(later)
    assert [order.job_id for order in trainers.orders] == [ours]
    trainers.go_on.set()
    until(lambda: status_of(database, later) is JobStatus.SUCCEEDED, "the second was not begun")


def test_a_draining_worker_takes_nothing_more_and_says_so(database: Database, work: Work, trainers: Trainers) -> None:
    messages = Messages()
    worker = work(messages=messages)
    job = submit(database)
    worker.drain()
    worker.run_job(job)
    worker._poll_queue()
    assert not trainers.orders
    assert not messages.sent
    with database.snapshot() as session:
        [record] = workers.connected_with_jobs(session)
    assert record.worker.draining_at
    assert record.free_slots == 0


def test_a_second_signal_in_the_middle_of_the_first_ones_work(
    database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two Ctrl-C: a handler runs in the midst of the thread that it interrupts, and must not wait for it."""
    worker, drain, drained = work(), workers.drain, list[str]()

    def interrupted(session: Session, worker_id: str) -> None:
        drain(session, worker_id)
        drained.append(worker_id)
        with pytest.MonkeyPatch.context() as within:
            within.setattr(database, "session", unasked)
            worker.drain()

    def unasked() -> NoReturn:
        raise AssertionError("it asks for a turn to write, which the interrupted thread has")

    monkeypatch.setattr(workers, "drain", interrupted)
    worker.drain()
    assert len(drained) == 1
    with database.snapshot() as session:
        assert workers.connected_with_jobs(session)[0].worker.draining_at


def test_while_it_is_present_it_counts_as_connected_with_its_load(
    database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEEN_EVERY_SECONDS", 0.05)
    worker = Worker("other", work()._settings, database, Messages(), Devices(names=(), torch_version="2"))

    def seen() -> bool:
        with database.snapshot() as session:
            return any(each.id == "other" and each.memory_total_bytes for each in workers.connected(session))

    with worker.present():
        until(seen, "it was not seen")
    with database.snapshot() as session:
        assert all(each.id != "other" for each in workers.connected(session))


def test_a_worker_whose_storage_does_not_answer_is_there_all_the_same(
    database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.worker.SEEN_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("worker.worker.CHECK_SECONDS", 0.05)
    worker = Worker("other", work()._settings, database, Messages(), Devices(names=(), torch_version="2"))
    hangs, answers = threading.Event(), threading.Event()

    def wait() -> None:
        hangs.set()
        answers.wait(60)

    def seen_at() -> datetime:
        with database.snapshot() as session:
            return session.scalars(select(WorkerRow.seen_at).where(WorkerRow.id == "other")).one()

    with worker.present():
        monkeypatch.setattr(worker.readiness, "_find_reason", wait)
        assert hangs.wait(20)
        before = seen_at()
        until(lambda: seen_at() > before, "it was not seen while it waited for the storage")
        answers.set()


def test_a_message_is_passed_on_to_workers_whom_its_job_fits(
    database: Database, work: Work, trainers: Trainers
) -> None:
    messages = Messages()
    worker = work(messages=messages)
    with database.session() as session:
        for name, devices in (("small", ["L4"]), ("large", ["H100", "H100"]), ("leaving", ["H100"])):
            workers.sign_on(session, name, slots=1, devices=devices, torch_version="2")
        workers.drain(session, "leaving")
    worker.run_job(job := submit(database, accelerator="h100"))
    until(lambda: messages.passed_on, "nobody was told")
    assert messages.passed_on == [(job, ["H100", "H100"], 1)]
    worker.run_forwarded(job, MAX_FORWARDS)
    worker._wakeups._thread.shutdown()
    assert len(messages.passed_on) == 1
    assert not trainers.orders


def test_one_that_is_woken_tells_of_the_next_job(database: Database, work: Work, trainers: Trainers) -> None:
    trainers.go_on.set()
    messages = Messages()
    jobs = [submit(database) for _ in range(3)]
    work(messages=messages).run_job(jobs[0])
    assert [order.job_id for order in trainers.orders] == jobs
    until(lambda: messages.passed_on, "nobody was told")
    assert messages.passed_on[0][1:] == (["cpu"], 0)


def test_one_whose_slots_are_taken_passes_a_message_on(database: Database, work: Work, trainers: Trainers) -> None:
    messages = Messages()
    worker = work(messages=messages)
    submit(database)
    worker._poll_queue()
    until(lambda: len(trainers.orders) == 1, "nothing was begun")
    worker.run_forwarded(later := submit(database), 3)
    until(lambda: (later, ["cpu"], 4) in messages.passed_on, "nobody was told")
    trainers.go_on.set()


def test_a_fault_of_ours_is_logged_and_its_job_does_not_wait_for_the_lease_to_end(
    database: Database, work: Work, trainers: Trainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Trainers.One, _order: Order) -> None:
        monkeypatch.setattr(Trainers.One, "run", sound)
        raise ZeroDivisionError

    sound = Trainers.One.run
    monkeypatch.setattr(Trainers.One, "run", broken)
    trainers.go_on.set()
    worker, job = work(), submit(database)
    with capture_logs() as logs:
        worker._poll_queue()
        until(lambda: status_of(database, job) is JobStatus.SUCCEEDED, "it was not tried again")
    [fault] = [each for each in logs if each["log_level"] == "error"]
    assert (fault["event"], fault["job_id"], fault["attempt"]) == ("attempt not supervised", job, 1)
    with database.snapshot() as session:
        attempts = queries.find(session, job).job.attempts
    assert [attempt.end_reason for attempt in attempts] == ["internal", "succeeded"]


def test_so_is_one_before_there_is_an_attempt(database: Database, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    worker, job = work(), submit(database)
    monkeypatch.setattr(lifecycle, "claim", broken)
    with capture_logs() as logs:
        worker._poll_queue()
        until(lambda: any(each["log_level"] == "error" for each in logs), "nobody was told")
    assert [each["job_id"] for each in logs if each["log_level"] == "error"] == [job]
    until(lambda: worker._free_slots.acquire(blocking=False), "its slot is lost")


@pytest.mark.parametrize(("count", "longest"), [(1, 1.0), (10, 10.0), (1000, 30.0)])
def test_the_more_workers_there_are_the_more_seldom_each_looks(count: int, longest: float) -> None:
    waits = [jittered_interval(1.0, count, MAX_POLL_SECONDS) for _ in range(100)]
    assert 0.75 * longest <= min(waits) < max(waits) <= longest
