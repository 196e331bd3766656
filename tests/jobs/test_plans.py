"""How the databases find what the hot paths ask for: along indexes, however many jobs there are.

Each question is asked as the API asks it, of a database with a few thousand jobs; the statements that were really sent
are then explained. PostgreSQL explains each with its parameters, and without, as for a statement that it has prepared
and plans no more. SQLite explains it as it plans with ANALYZE's figures, and without, which is how it is deployed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, event, select, text

from benchmarks.api_rows import DATASETS, LARGE_EPOCHS, PROJECTS, Size, fill
from jobs import downsampled_curves, fence, lanes, lifecycle, placement, queries, recording, service_stats
from jobs.fence import Claim
from jobs.lanes import Lane
from jobs.listing import JobFilter, Sort, SortOrder
from models import DEFAULT_PROJECT, Database, Job, JobStatus, ProjectSession
from tests.jobs.conftest import SPEC, checkpoint_of, epoch_metrics, step_metrics

JOBS = Size(3_000, epochs=3, large_jobs=30)
TABLES = {"jobs", "job_tags", "epochs", "steps", "events", "attempts", "checkpoints"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One that was sent, as the driver takes it."""

    sql: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with jobs, and some of the default project's."""

    database: Database
    ids: Mapping[JobStatus, Sequence[str]]

    def a(self, status: JobStatus) -> str:
        """The id of a job, of which there are as many before as behind it."""
        return self.ids[status][len(self.ids[status]) // 2]

    @contextmanager
    def sent(self) -> Iterator[list[Statement]]:
        """Collects what is sent meanwhile."""
        statements: list[Statement] = []

        def collect(_c: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
            statements.append(Statement(sql, parameters))

        event.listen(self.database.engine, "before_cursor_execute", collect)
        try:
            yield statements
        finally:
            event.remove(self.database.engine, "before_cursor_execute", collect)


@pytest.fixture(scope="module", params=["sqlite", "sqlite analysed", "postgresql"])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    with request.getfixturevalue(f"{request.param.split()[0]}_databases")(migrated=True) as url:
        database = Database(url)
        fill(database, JOBS)
        if request.param == "sqlite":
            with database.session() as session:
                session.execute(text("DROP TABLE sqlite_stat1"))
            database.dispose()  # connections have read them
        with database.snapshot() as session:
            of_project = select(Job.id, Job.status).where(Job.project == DEFAULT_PROJECT).order_by(Job.id)
            found = session.execute(of_project).all()
        ids = {status: [row.id for row in found if row.status is status] for status in JobStatus}
        yield Filled(database, ids)
        database.dispose()


Ask = Callable[[ProjectSession, Filled], object]

QUESTIONS: dict[str, Ask] = {
    "a finished job": lambda session, filled: queries.find(session, filled.a(JobStatus.SUCCEEDED)),
    "a running job": lambda session, filled: queries.find(session, filled.a(JobStatus.RUNNING)),
    "a queued job": lambda session, filled: queries.find(session, filled.a(JobStatus.QUEUED)),
    "what changes": lambda session, filled: queries.revision_of(session, filled.a(JobStatus.RUNNING)),
    "its checkpoints": lambda session, filled: queries.checkpoints(session, filled.a(JobStatus.SUCCEEDED)).rows,
    "its epochs for a chart": lambda session, filled: downsampled_curves.downsampled_epochs(
        session, filled.a(JobStatus.SUCCEEDED), downsampled_curves.LEAST_EPOCHS
    ),
    "its steps for a chart": lambda session, filled: downsampled_curves.downsampled_steps(
        session, filled.a(JobStatus.SUCCEEDED), downsampled_curves.LEAST_STEPS
    ),
}


def _list(jobs: JobFilter = JobFilter(), sort: Sort = "created_at", *, descending: bool = True) -> Ask:
    """A page, and the one behind it."""

    def ask(session: ProjectSession, _filled: Filled) -> object:
        order = SortOrder(sort, descending)
        first = queries.list_jobs(session, jobs, order, limit=5)
        assert first.rows
        return queries.list_jobs(session, jobs, order, after=first.next_cursor, limit=5)

    return ask


FAILED = (JobStatus.FAILED,)
BETWEEN = JobFilter(created_after=datetime(2024, 1, 1, tzinfo=UTC), created_before=datetime(2024, 3, 1, tzinfo=UTC))

PAGES: dict[str, Ask] = {
    "epochs": lambda session, filled: queries.epochs_after(session, filled.a(JobStatus.SUCCEEDED), 0, 10),
    "steps": lambda session, filled: queries.steps_after(session, filled.a(JobStatus.SUCCEEDED), 0, 0, 10),
    "events": lambda session, filled: queries.events_after(session, filled.a(JobStatus.SUCCEEDED), 1, 10),
    "queue": lambda session, filled: queries.queue(session, limit=5),
    "queue, further": lambda session, filled: queries.queue(session, after=filled.a(JobStatus.QUEUED), limit=5),
    "jobs": _list(),
    "jobs, the oldest first": _list(descending=False),
    "jobs of a status": _list(JobFilter(FAILED)),
    "jobs of a data set": _list(JobFilter(dataset=next(iter(DATASETS)))),
    "jobs of a rare data set": _list(JobFilter(dataset=list(DATASETS)[-1])),
    "jobs of an architecture": _list(JobFilter(architecture="resnet34")),
    "jobs of a name": _list(JobFilter(name="baseline")),
    "jobs with a tag": _list(JobFilter(tags=("thesis",))),
    "jobs with two tags": _list(JobFilter(tags=("thesis", "lab"))),
    "jobs of a time": _list(BETWEEN),
    "jobs of a status and a time": _list(replace(BETWEEN, statuses=FAILED)),
    "jobs of a status and a data set": _list(JobFilter(FAILED, dataset="digits")),
    "jobs by best accuracy": _list(sort="best_accuracy"),
    "jobs by best accuracy, the worst first": _list(sort="best_accuracy", descending=False),
    "jobs by name": _list(sort="name", descending=False),
    "jobs by priority": _list(sort="priority"),
    "jobs by end": _list(sort="finished_at"),
}

# Merged of a page of each: so few are sorted, however many jobs there are.
MERGED: dict[str, Ask] = {
    "jobs of several statuses": _list(JobFilter((JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELLED))),
}


def _claim(filled: Filled) -> Claim:
    return Claim(filled.a(JobStatus.RUNNING), 1, SPEC)


# What a worker does all the time, for all projects.
REPORTS: dict[str, Ask] = {
    "an epoch": lambda session, filled: recording.record_epoch(session, _claim(filled), epoch_metrics(200)),
    "steps": lambda session, filled: recording.record_steps(session, _claim(filled), [step_metrics(200, 0)]),
    "a checkpoint": lambda session, filled: recording.record_checkpoint(
        session, _claim(filled), checkpoint_of(_claim(filled), 201)
    ),
    "a heartbeat": lambda session, filled: lifecycle.heartbeat(session, _claim(filled), 30),
    "a claim": lambda session, filled: lifecycle.claim(session, filled.a(JobStatus.QUEUED), "worker-1", 30),
    "the next job": lambda session, _filled: placement.next_job(session, ["cpu"]),
    "the next job, to be claimed": lambda session, _filled: placement.next_job(session, ["NVIDIA L4"], lock=True),
    "the next job of other projects": lambda session, _filled: lanes.first_waiting(
        session, [Lane("", 1)], lock=True, without=PROJECTS[1:]
    ),
    "what a worker could serve": lambda session, _filled: session.execute(
        lanes._servable_lanes(session.get_bind().dialect.name), {"lanes": [["", 0], ["h100", 0]]}
    ).all(),
    "who has backed off": lambda session, _filled: session.scalars(
        select(Job.id).where(fence.backoff_is_over()).order_by(Job.not_before).limit(5)
    ).all(),
    "how many are queued": lambda session, _filled: session.scalar(service_stats.QUEUED),
    "since when the first is": lambda session, _filled: session.scalar(service_stats.OLDEST_QUEUED),
    "expired leases": lambda session, _filled: session.scalars(select(Job.id).where(fence.has_expired())).all(),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_without_reading_a_whole_table(filled: Filled, question: str) -> None:
    for plan in _plans(filled, QUESTIONS[question], DEFAULT_PROJECT):
        assert not plan.read_whole, plan


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_found_in_the_order_of_an_index(filled: Filled, page: str) -> None:
    for plan in _plans(filled, PAGES[page], DEFAULT_PROJECT):
        assert not plan.read_whole, plan
        assert not (plan.sorts and plan.is_page), plan


@pytest.mark.parametrize("page", MERGED)
def test_a_page_that_is_merged_of_several_sorts_no_more_than_these(filled: Filled, page: str) -> None:
    for plan in _plans(filled, MERGED[page], DEFAULT_PROJECT):
        assert not plan.read_whole, plan
        assert not (plan.sorts_unlimited and plan.is_page), plan


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_recorded_without_reading_a_whole_table(filled: Filled, report: str) -> None:
    for plan in _plans(filled, REPORTS[report], None):
        assert not plan.read_whole, plan


# What finds a worker's next job, and the index that it goes by: not one that has to be searched through.
ALONG = {
    "the next job": "ix_jobs_lane",
    "the next job, to be claimed": "ix_jobs_lane",
    "the next job of other projects": "ix_jobs_project_lane",
    "what a worker could serve": "ix_jobs_lane",
    "who has backed off": "ix_jobs_backing_off",
    "since when the first is": "ix_jobs_queued_at",
}

# What PostgreSQL takes instead for a part of the question while so few jobs wait that it makes no difference.
OR_WHILE_FEW_WAIT = {
    "the next job of other projects": {"ix_jobs_lane"},
    "what a worker could serve": {"ix_jobs_status_id"},
}


@pytest.mark.parametrize("question", ALONG)
def test_a_look_for_work_goes_along_its_own_index(filled: Filled, question: str) -> None:
    of_jobs = [plan for plan in _plans(filled, REPORTS[question], None) if "ix_jobs" in plan.text]
    assert of_jobs
    for plan in of_jobs:
        used = set(re.findall(r"ix_jobs_\w+", plan.text)) - {"ix_jobs_stopping"}
        assert ALONG[question] in used, plan
        others = OR_WHILE_FEW_WAIT.get(question, set()) if "Node Type" in plan.text else set()
        assert used <= {ALONG[question], *others}, plan
        # Of SQLite: the first of all lanes are put in order, and never what a lane has.
        assert plan.text.count("TEMP B-TREE") <= 1, plan


def test_a_search_reads_indexes_alone(filled: Filled) -> None:
    """On SQLite: it looks at every name, and a job's row is many times as long as its place in an index."""
    if filled.database.engine.dialect.name == "postgresql":
        return  # it takes the shorter of the two, which of so few rows may be the table
    by_name = re.compile(r"SEARCH jobs USING COVERING INDEX ix_jobs_project_name_id \(project=\?\)")
    for sort in get_args(Sort):
        order = SortOrder(sort)

        def ask(session: ProjectSession, _filled: Filled, order: SortOrder = order) -> object:
            return queries.list_jobs(session, JobFilter(search="no such"), order)

        plans = _plans(filled, ask, DEFAULT_PROJECT)
        assert any(by_name.search(plan.text) for plan in plans), plans


@dataclass(frozen=True, slots=True)
class Plan:
    """How a statement is carried out."""

    sql: str
    text: str
    is_page: bool  # it asks for a part of what there is
    read_whole: Sequence[str]  # tables
    sorts: bool
    sorts_unlimited: bool  # rows of which there may be many

    def __str__(self) -> str:
        return f"\n{self.sql}\n\n{self.text}"


def _plans(filled: Filled, ask: Ask, project: str | None) -> list[Plan]:
    with filled.sent() as statements, ProjectSession(filled.database.engine) as session:
        session.project = project
        ask(session, filled)
        session.rollback()
    asked = [each for each in statements if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)", each.sql)]
    assert asked
    explain = _explain_sqlite if filled.database.engine.dialect.name == "sqlite" else _explain_postgresql
    with filled.database.engine.connect() as connection:
        return [plan for statement in asked for plan in explain(connection, statement)]


def _explain_sqlite(connection: Connection, statement: Statement) -> Iterator[Plan]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters).all()
    lines = [row.detail for row in rows]
    scanned = [match for line in lines if (match := re.match(r"SCAN (\w+?)(_\d+)?$", line))]
    sorts = any("TEMP B-TREE FOR" in line and "ORDER BY" in line for line in lines)
    # SQLite rather sorts all that wait than to read the queue's own index, which is of these alone.
    if re.search(r"jobs\.status = 'queued'", statement.sql) and any("status=?" in line for line in lines):
        sorts = False
    yield Plan(
        statement.sql,
        "\n".join(lines),
        "LIMIT" in statement.sql,
        [match[1] for match in scanned if match[1] in TABLES],
        sorts,
        # What was cut off before it is sorted is a co-routine or materialised, and so scanned under its own name.
        sorts and not any(re.match(r"(CO-ROUTINE|MATERIALIZE|COMPOUND)", line) for line in lines),
    )


def _explain_postgresql(connection: Connection, statement: Statement) -> Iterator[Plan]:
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    generic = re.sub(r"%\((\w+)\)s", number, statement.sql).replace("%", "%%")
    plans = []
    # Of a few rows it would rather read all and sort them. What a page costs when there are more is decided by whether
    # there is another way, which it takes where sorting is made expensive.
    for settings in ((), ("enable_sort", "enable_incremental_sort", "enable_bitmapscan")):
        for setting in settings:
            connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        plans += [
            connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.parameters).scalar_one(),
            connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON, GENERIC_PLAN) {generic}").scalar_one(),
        ]
    connection.rollback()
    for place, (root,) in enumerate(plans):
        nodes = list(_nodes(root["Plan"]))
        sorts = [node for node in nodes if node["Node Type"] in ("Sort", "Incremental Sort") and place >= 2]
        yield Plan(
            statement.sql,
            json.dumps(root["Plan"], indent=1),
            "LIMIT" in statement.sql,
            [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan" and _is_ours(node)],
            bool(sorts),
            any(not _is_limited(node) for node in sorts),
        )


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _is_ours(node: Mapping[str, Any]) -> bool:
    return node["Relation Name"] in TABLES


def _is_limited(node: Mapping[str, Any]) -> bool:
    """Whether there is a limit between a sort and every table that it sorts rows of."""
    if node["Node Type"] == "Limit":
        return True
    children = node.get("Plans", ())
    return bool(children) and all(_is_limited(child) for child in children)


def test_the_large_jobs_have_as_many_epochs_as_they_are_asked_for(filled: Filled) -> None:
    """What the plans above are of: enough rows that an index pays."""
    with filled.database.snapshot() as session:
        epochs = session.scalars(select(Job.latest_epoch).where(Job.latest_epoch.is_not(None))).all()
    assert epochs.count(LARGE_EPOCHS - 1) == JOBS.large_jobs
