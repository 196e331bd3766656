from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from jobs import lifecycle, placement
from jobs.placement import Needs, fitting
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Base, Database, Job, Project
from tests.jobs.conftest import change, spec, take

CPU = ["cpu"]
MIXED = ["NVIDIA H100", "NVIDIA A100", "NVIDIA H100", "NVIDIA L4"]


@pytest.mark.parametrize(
    ("needs", "devices", "groups"),
    [
        (Needs(), CPU, [[0]]),
        (Needs(4), CPU, [[0]]),  # as many processes as are wanted
        (Needs(1, "cpu"), CPU, [[0]]),
        (Needs(1, "gpu"), CPU, []),
        (Needs(1, "h100"), CPU, []),
        (Needs(), MIXED, [[0, 2], [1], [3]]),
        (Needs(1, "cpu"), MIXED, []),
        (Needs(2, "gpu"), MIXED, [[0, 2]]),
        (Needs(3, "gpu"), MIXED, []),
        (Needs(2, "h100"), MIXED, [[0, 2]]),
        (Needs(3, "h100"), MIXED, []),
        (Needs(2, "nvidia"), MIXED, [[0, 2]]),  # of one name
        (Needs(1, "nvidia"), MIXED, [[0, 2], [1], [3]]),
        (Needs(1, "mi300"), MIXED, []),
    ],
)
def test_what_a_job_may_train_on(needs: Needs, devices: list[str], groups: list[list[int]]) -> None:
    assert fitting(needs, devices) == groups


def test_needs_are_told_in_words() -> None:
    told = [str(Needs(*needs)) for needs in ((1, None), (2, None), (1, "cpu"), (2, "gpu"), (2, "h100"))]
    assert told == ["1 device", "2 devices", "1 CPU", "2 GPU", "2 devices of kind 'h100'"]


def next_of(database: Database, devices: list[str]) -> str | None:
    with database.snapshot() as session:
        candidate = placement.next_job(session, devices)
    return candidate.job_id if candidate else None


def test_jobs_are_taken_by_priority_and_then_by_age(database: Database, submitted: Callable[..., Job]) -> None:
    ids = [submitted(priority=priority).id for priority in (5, 9, 0, 9, 5)]
    taken = []
    while job_id := next_of(database, CPU):
        taken.append(ids.index(job_id))
        take(database, job_id)
    assert taken == [1, 3, 0, 4, 2]


def test_one_that_waits_for_another_kind_of_worker_is_passed_over(
    database: Database, submitted: Callable[..., Job]
) -> None:
    large = submitted(spec(devices=8), accelerator="gpu", priority=9).id
    small = submitted().id
    assert next_of(database, CPU) == small
    assert next_of(database, ["NVIDIA H100"]) == small
    assert next_of(database, ["NVIDIA H100"] * 8) == large


def test_one_that_cannot_begin_does_not_stand_in_the_way_of_the_next(
    database: Database, submitted: Callable[..., Job]
) -> None:
    broken, sound = submitted(priority=9).id, submitted().id
    change(database, broken, spec={"epochs": "a great many"})
    assert next_of(database, CPU) == broken
    with database.session() as session:
        assert lifecycle.claim(session, broken, "first", 30) is None
    assert next_of(database, CPU) == sound


NAMES = ["NVIDIA H100 80GB HBM3", "NVIDIA A100", "AMD Instinct MI300X", "Some gpu", "x_100% 1.0-b"]
inventories = st.one_of(
    st.lists(st.just("cpu"), min_size=1, max_size=2), st.lists(st.sampled_from(NAMES), min_size=1, max_size=5)
)
kinds = st.one_of(
    st.none(),
    st.sampled_from(["cpu", "gpu", "nvidia", "h100", "100", "mi300x", "80gb", " "]),
    st.text(alphabet="ahnxgpu10 .-", min_size=1, max_size=4),  # of what the API takes; not SQL's wildcards
)


@given(cases=st.lists(st.tuples(inventories, st.integers(1, 5), kinds), min_size=20, max_size=20))
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_sql_and_in_python_the_same_jobs_fit_the_same_workers(
    database: Database, cases: list[tuple[list[str], int, str | None]]
) -> None:
    with database.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
        session.add(Project(id=DEFAULT_PROJECT))
        session.flush()
        job = lifecycle.submit(session, Submission(spec()))
    for devices, count, accelerator in cases:
        change(database, job.id, devices=count, accelerator=accelerator)
        fits = bool(fitting(Needs(count, accelerator), devices))
        assert (next_of(database, devices) == job.id) is fits, (devices, count, accelerator)
