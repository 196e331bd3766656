from dataclasses import astuple
from itertools import islice

import pytest

from tests.chaos import plan
from tests.chaos.contract import Backend
from tests.chaos.ground_faults import FullDatabaseDisk, FullDisk, NetworkFails

BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_is_the_same_plan(backend: Backend) -> None:
    one, other = (plan.draw(7, 300, backend, disk=True) for _ in range(2))
    assert one == other
    assert list(islice(one.jobs(), 50)) == list(islice(other.jobs(), 50))
    assert len(one.faults) > 50


def test_another_seed_is_another_plan() -> None:
    one, other = (plan.draw(seed, 300, "sqlite", disk=True) for seed in (7, 8))
    assert one.faults != other.faults
    assert one.variants != other.variants
    assert list(islice(one.jobs(), 50)) != list(islice(other.jobs(), 50))


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_part_of_the_service_suffers_two_faults_at_once(backend: Backend) -> None:
    free_at: dict[str, float] = {}
    for planned in plan.draw(7, 1200, backend, disk=True).faults:
        for part in planned.fault.occupies:
            assert free_at.get(part, 0.0) <= planned.at, astuple(planned)
            free_at[part] = planned.at + planned.seconds


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kind_of_fault_comes_up(backend: Backend) -> None:
    kinds = {type(planned.fault) for planned in plan.draw(7, 1800, backend, disk=True).faults}
    assert len(kinds) == (17 if backend == "postgresql" else 14)
    assert (NetworkFails in kinds) == (backend == "postgresql")


def test_jobs_of_several_devices_are_never_stopped_part_of_the_way() -> None:
    drawn = plan.draw(7, 300, "sqlite", disk=True)
    assert {spec.devices for seed in range(9) for spec in plan.draw(seed, 300, "sqlite", disk=True).variants} == {1, 2}
    together = [job for job in islice(drawn.jobs(), 200) if drawn.variants[job.variant].devices > 1]
    assert len(together) > 20
    assert {job.verb for job in together} == {None, "cancel", "pause"}
    assert {job.time_limit_minutes for job in together} == {None}


def test_without_a_disk_to_fill_the_rest_stays_as_it_was() -> None:
    with_disk, without = (plan.draw(7, 600, "sqlite", disk=disk).faults for disk in (True, False))
    assert without == tuple(
        planned for planned in with_disk if not isinstance(planned.fault, FullDisk | FullDatabaseDisk)
    )


def test_every_size_of_service_comes_up_and_each_seed_has_its_own() -> None:
    sizes = [plan.size(seed) for seed in range(40)]
    assert sizes == [plan.size(seed) for seed in range(40)]
    assert {size.workers for size in sizes} == {2, 3, 4}
    assert {size.slots for size in sizes} == {1, 2}
    assert {size.quota is None for size in sizes} == {True, False}
    rooms = {size.in_flight < (size.quota or size.workers * size.slots) for size in sizes}
    assert rooms == {True, False}
