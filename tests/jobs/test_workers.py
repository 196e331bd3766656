from collections.abc import Callable

from sqlalchemy import update

from jobs import workers
from jobs.workers import Census, Load
from models import Database, Job, Worker
from models.columns import DatabaseNow
from tests.jobs.conftest import drop, take


def test_workers_come_and_go(database: Database) -> None:
    def connected() -> list[str]:
        with database.snapshot() as session:
            return [worker.id for worker in workers.connected(session)]

    with database.session() as session:
        for name in ("a", "b"):
            workers.sign_on(session, name, slots=2, devices=["cpu"], torch_version="2")
    assert connected() == ["a", "b"]
    with database.session() as session:
        workers.sign_off(session, "a")
        session.execute(update(Worker).where(Worker.id == "b").values(seen_at=DatabaseNow(-60)))
    assert connected() == []
    with database.session() as session:
        workers.mark_seen(session, "b", Load(0.5, 8, 4))
    assert connected() == ["b"]
    with database.snapshot() as session:
        worker = session.get_one(Worker, "b")
    assert (worker.load_average, worker.memory_total_bytes, worker.memory_available_bytes) == (0.5, 8, 4)


def test_each_is_shown_with_its_jobs_and_free_slots(database: Database, submitted: Callable[..., Job]) -> None:
    with database.session() as session:
        session.execute(update(Worker).where(Worker.id == "first").values(slots=2))
    ids = [submitted().id for _ in range(3)]
    claims = [take(database, job_id, "first") for job_id in ids]

    def at_work() -> dict[str, tuple[list[str], int]]:
        with database.snapshot() as session:
            records = workers.connected_with_jobs(session)
        return {record.worker.id: ([job.id for job in record.jobs], record.free_slots) for record in records}

    assert at_work() == {"first": (ids, 0), "second": ([], 1)}
    drop(database, claims[0])
    drop(database, claims[1])
    assert at_work()["first"] == (ids[2:], 1)
    with database.session() as session:
        workers.drain(session, "first")
    assert at_work()["first"] == (ids[2:], 0)


def test_a_fleet_is_counted_by_what_its_workers_have(database: Database) -> None:
    with database.session() as session:
        for name, devices in (("a", ["cpu"]), ("b", ["H100", "L4"]), ("c", ["L4", "H100"]), ("gone", ["cpu"])):
            workers.sign_on(session, name, slots=1, devices=devices, torch_version="2")
        workers.sign_off(session, "gone")
    with database.snapshot() as session:
        assert workers.census(session, ["cpu"]) == Census(all=3, alike=1)
        assert workers.census(session, ["H100", "L4"]) == Census(all=3, alike=2)
        assert workers.census(session, ["A100"]) == Census(all=3, alike=1)
    with database.session() as session:
        workers.drain(session, "a")
    with database.snapshot() as session:
        assert sorted(workers.inventories(session)) == [["H100", "L4"], ["L4", "H100"]]
