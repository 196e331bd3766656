"""What a job would take: from runs like it, from other runs, or not at all, and why."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import event

from jobs import lifecycle, recording, workers
from jobs.estimates import Estimate, estimate
from jobs.fence import Claim
from jobs.placement import Needs
from jobs.submission import Submission
from models import Database
from tests.jobs.conftest import epoch_metrics, weights_of
from training.metrics import RunFacts
from training.plan import count_flops, network_plan
from training.spec import TrainingSpec

GPU = "NVIDIA H100 80GB HBM3"
PROJECT = "default"

Ran = Callable[..., str]


def spec_of(**fields: Any) -> TrainingSpec:
    body = {"dataset": "digits", "architecture": {"name": "resnet20"}, "epochs": 10, **fields}
    return TrainingSpec.model_validate(body)


@pytest.fixture
def ran(database: Database) -> Ran:
    """A job that has been trained, its last epoch at `rate` images a second on `device`."""

    def run(
        device: str = "cpu", *, rate: float = 1000.0, memory: int | None = None, size: int = 8, **fields: Any
    ) -> str:
        spec = spec_of(**fields)
        found = {"device": device, "precision": "fp32", "torch_version": "2", "threads": 1, "parameters": 1, "flops": 1}
        data = {"classes": 10, "image_size": size, "channels": 1, "train_images": 1437, "test_images": 360}
        facts = RunFacts.model_validate({**found, **data, "steps_per_epoch": 12})
        with database.session() as session:
            job_id = lifecycle.submit(session, Submission(spec), project=PROJECT).id
        with database.session() as session:
            if not workers.connected(session):
                workers.sign_on(session, "worker", slots=9, devices=["cpu"], torch_version="2")
        with database.session() as session:
            claim = lifecycle.claim(session, job_id, "worker", 60, [device])
        assert isinstance(claim, Claim)
        # Evaluating 360 images takes as long as training on 180.
        measured = epoch_metrics(0, images_per_second=rate, seconds=(1437 + 180) / rate)
        with database.session() as session:
            recording.record_start(session, claim, facts)
            recording.record_epoch(session, claim, measured.model_copy(update={"device_memory_bytes": memory}))
        with database.session() as session:
            lifecycle.settle_success(session, claim, weights_of(claim))
        return job_id

    return run


def estimated(database: Database, needs: Needs = Needs(), **fields: Any) -> Estimate:
    with database.snapshot(PROJECT) as session:
        return estimate(session, spec_of(**fields), needs)


def sign_on(database: Database, name: str, devices: list[str]) -> None:
    with database.session() as session:
        workers.sign_on(session, name, slots=1, devices=devices, torch_version="2")


def test_what_follows_from_the_plan(database: Database) -> None:
    found = estimated(database, batch_size=100, validation_fraction=0.1)
    assert found.data
    assert found.data.train_images == 1437
    assert (found.parameters, found.steps_per_epoch) == (269_434, 13)  # of 1,293 images, the last 93 are one more step
    assert found.flops == count_flops(network_plan(spec_of().architecture, 8, 1, 10))
    assert found.memory
    assert found.memory.basis == "counted"
    assert found.memory.total.low < found.memory.total.expected < found.memory.total.high
    assert not found.devices


@pytest.mark.parametrize(
    ("batch", "devices", "steps"), [(1437, 1, 1), ("full", 1, 1), (718, 1, 2), (359, 1, 4), (205, 4, 8)]
)
def test_steps_of_an_epoch(database: Database, batch: int | str, devices: int, steps: int) -> None:
    """718 leave one image, and 359 one: too few for a batch of its own. 205 leave two, on however many devices."""
    assert estimated(database, batch_size=batch, devices=devices).steps_per_epoch == steps


def test_time_by_the_same_network(database: Database, ran: Ran) -> None:
    for rate in (900.0, 1000.0, 1200.0):
        ran(rate=rate)
    ran(rate=10.0, precision="bf16")
    ran(rate=10.0, batch_size=8)
    (device,) = estimated(database).devices
    assert (device.device, device.workers, device.reason) == ("cpu", 1, None)
    pace = device.pace
    assert pace
    assert (pace.basis, pace.runs) == ("same_network", 3)
    assert pace.images_per_second.expected == 1000
    assert pace.epoch_seconds.expected == pytest.approx(1.617)
    assert pace.total_seconds.expected == pytest.approx(16.17)
    assert pace.total_seconds.low < 16.17 * 1000 / 1200 < 16.17 * 1000 / 900 < pace.total_seconds.high


def test_epochs_that_are_not_evaluated_take_less(database: Database, ran: Ran) -> None:
    ran(rate=1000.0)
    (device,) = estimated(database, evaluation_interval=4).devices
    assert device.pace
    assert device.pace.total_seconds.expected == pytest.approx(14.37 + 3 * 0.18)  # after 4, 8 and 10 epochs


def test_time_by_other_networks(database: Database, ran: Ran) -> None:
    ran(rate=1000.0)
    (device,) = estimated(database, architecture={"name": "resnet56"}).devices
    pace = device.pace
    assert pace
    assert pace.basis == "other_networks"
    flops = {name: count_flops(network_plan(spec_of(architecture={"name": name}).architecture, 8, 1, 10))
             for name in ("resnet20", "resnet56")}  # fmt: skip
    ratio = flops["resnet56"] / flops["resnet20"]
    assert pace.images_per_second.expected == pytest.approx(1000 / ratio)
    assert pace.images_per_second.high > 1000 / ratio * ratio**0.5
    (twice,) = estimated(database, optimizer={"name": "sgd", "sam": {}}).devices
    assert twice.pace
    assert twice.pace.images_per_second.expected == pytest.approx(500)


def test_each_kind_of_device_that_fits(database: Database, ran: Ran) -> None:
    ran(rate=1000.0)
    sign_on(database, "gpus", [GPU, GPU])
    sign_on(database, "more", [GPU])
    found = {device.device: device for device in estimated(database).devices}
    assert {name: device.workers for name, device in found.items()} == {"cpu": 1, GPU: 2}
    assert found["cpu"].pace
    assert found[GPU].pace is None
    assert "measured" in (found[GPU].reason or "")
    (only,) = estimated(database, Needs(2, "h100"), devices=2).devices
    assert (only.device, only.workers) == (GPU, 1)


def test_where_it_ran_last_if_nobody_is_connected(database: Database, ran: Ran) -> None:
    ran(GPU, rate=50_000.0)
    (device,) = estimated(database, Needs(1, "gpu")).devices
    assert (device.device, device.workers) == (GPU, 0)
    assert device.pace
    assert list(estimated(database, Needs(1, "a100")).devices) == []


def test_memory_that_was_measured_corrects_what_is_counted(database: Database, ran: Ran) -> None:
    counted = estimated(database).memory
    assert counted
    ran(GPU, memory=2 * counted.parts.total)
    ran(GPU, memory=7, architecture={"name": "resnet18"})
    measured = estimated(database, batch_size=256).memory
    assert measured
    assert (measured.basis, measured.runs) == ("same_network", 1)
    assert measured.total.expected == pytest.approx(2 * measured.parts.total)


def test_a_data_set_that_no_job_has_loaded(database: Database, ran: Ran) -> None:
    found = estimated(database, dataset="flowers")
    assert (found.data, found.parameters, found.memory) == (None, None, None)
    assert "'flowers'" in (found.unknown or "")
    ran(dataset="flowers", size=48)
    found = estimated(database, dataset="flowers")
    assert found.data
    assert (found.data.image_size, found.data.train_images, found.unknown) == (48, 1437, None)
    resized = estimated(database, dataset="flowers", image_size=64).data
    assert resized
    assert resized.image_size == 64


def test_a_size_that_a_spec_asked_for_is_not_the_images_own(database: Database, ran: Ran) -> None:
    ran(dataset="flowers", size=48, image_size=48)
    assert estimated(database, dataset="flowers").data is None
    assert estimated(database, dataset="flowers", image_size=32).data


def test_what_a_download_holds_is_known_unless_a_job_found_a_folder_of_its_name(database: Database, ran: Ran) -> None:
    known = estimated(database, dataset="cifar100").data
    assert known
    assert (known.classes, known.train_images) == (100, 50_000)
    ran(dataset="cifar100", size=32)
    found = estimated(database, dataset="cifar100").data
    assert found
    assert found.train_images == 1437


def test_a_conflict_with_the_data_is_foreseen(database: Database) -> None:
    ((path, _, reason),) = estimated(database, dataset="cifar10", batch_size=60_000).conflicts
    assert path == ("batch_size",)
    assert "50000" in reason.replace(",", "")


def test_what_other_projects_measured_stays_theirs(database: Database, ran: Ran) -> None:
    ran(dataset="flowers", size=48)
    with database.snapshot("another") as session:
        found = estimate(session, spec_of(dataset="flowers"), Needs())
        (device,) = estimate(session, spec_of(), Needs()).devices
    assert found.data is None
    assert device.pace is None


def test_it_reads_a_bounded_number_of_rows_along_indexes(database: Database, ran: Ran) -> None:
    ran()
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    estimated(database, dataset="flowers")
    event.remove(database.engine, "before_cursor_execute", note)
    plans = {
        statement: _plan(database, statement, parameters) for statement, parameters in seen if " jobs" in statement
    }
    assert len(plans) == 6
    for statement, plan in plans.items():
        assert "LIMIT" in statement or " IN (" in statement
        # On PostgreSQL a table of one row is read as a whole, whatever indexes it has.
        if database.engine.dialect.name == "sqlite":
            tables = ("SCAN jobs", "SCAN attempts", "SCAN epochs")
            assert not [line for line in plan if line.startswith(tables)], (statement, plan)
            assert not [line for line in plan if "TEMP B-TREE" in line and "LIMIT" in statement], (statement, plan)


def _plan(database: Database, statement: str, parameters: Mapping[str, Any]) -> list[str]:
    explain = "EXPLAIN" if database.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with database.engine.connect() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
