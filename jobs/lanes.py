"""The queue, divided into lanes. A lane holds the queued jobs that ask for the same kind and the same number of
devices, in the order in which they are served.

All jobs of a lane fit the same workers. So a worker finds its next job by comparing the first jobs of a few lanes, and
not by testing each job of the queue.

A worker that is about to claim a job locks the first one that no other transaction has locked. Workers that do so at
the same time get different jobs, and none of them waits.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    JSON,
    Column,
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from jobs.fence import is_claimable
from models import DEVICE_KIND, EVERY_PROJECT, Job, JobStatus, Request

# With more lanes than this, only the lanes of those kinds are read that the worker could serve.
MOST_LANES = 200

# How many of the first jobs of each lane are read to find one that is not locked; if all are locked, the next number is
# tried. By project there may be very many lanes, so that the numbers begin lower.
FIRST_OF_LANE = (32, 1024)
FIRST_OF_PROJECT = (1, 32, 1024)

ORDER = (Job.priority.desc(), Job.id)
OF_LANE = (DEVICE_KIND, Job.devices)


class Lane(NamedTuple):
    """The kind and the number of devices that its jobs ask for."""

    kind: str  # "cpu", "gpu", part of a device's name in lower case; "" for any
    devices: int


class WaitingJob(NamedTuple):
    """A job that may begin, unless a quota of its project forbids it."""

    id: str
    devices: int
    accelerator: str | None
    project: str
    requested: Request | None


def find_lanes(session: Session, servable: Collection[str]) -> Sequence[Lane]:
    """The lanes that hold a claimable job. Of more than MOST_LANES, only those of the kinds `servable`."""
    found = session.execute(_all_lanes(), execution_options=EVERY_PROJECT).all()
    if len(found) > MOST_LANES:
        kinds = {"lanes": [[kind, 0] for kind in servable]}
        found = session.execute(
            _servable_lanes(session.get_bind().dialect.name), kinds, execution_options=EVERY_PROJECT
        ).all()
    return [Lane(*row) for row in found]


def first_waiting(
    session: Session, within: Sequence[Lane], *, lock: bool, without: Collection[str] = ()
) -> WaitingJob | None:
    """The first job of these lanes, by priority and then by age, leaving out the projects in `without`.

    With `lock`, the first one that no other transaction has locked; it is locked until this transaction ends. A job
    that is to be stopped is found even if its project is left out: its attempt only makes the weights, in a moment.
    """
    if not within:
        return None
    values: dict[str, Any] = {"lanes": [[*lane] for lane in within]}
    if without:
        values["without"] = [*without]
    sizes = FIRST_OF_PROJECT if without else FIRST_OF_LANE
    for size in sizes if lock else (1,):
        statement = _first(session.get_bind().dialect.name, size, lock=lock, by_project=bool(without))
        found = session.execute(statement, values, execution_options=EVERY_PROJECT).first()
        if found is not None:
            return WaitingJob(*found)
    return None


# Statements are cached: to build one costs more than to execute it.


@cache
def _all_lanes() -> Select[str, int]:
    return _lanes(_kinds()).limit(MOST_LANES + 1)


@cache
def _servable_lanes(dialect: str) -> Select[str, int]:
    return _lanes(_those_of(_each(dialect)))


@cache
def _first(dialect: str, size: int, *, lock: bool, by_project: bool) -> Select[*tuple[Any, ...]]:
    ids = _of_projects(dialect, size) if by_project else _of_lanes(dialect, size)
    columns = [getattr(Job, name) for name in WaitingJob._fields]
    statement = select(*columns).where(_among(dialect, ids)).order_by(*ORDER).limit(1)
    return statement.with_for_update(skip_locked=True, of=Job) if lock else statement


def queued_projects() -> CTE:
    """Every project with a claimable job, and a NULL at the end. Each is found by one step in the index from the one
    before, so that the cost depends on the number of projects and not of jobs."""
    head = select(Job.project).where(is_claimable()).order_by(Job.project).limit(1)
    projects = select(head.scalar_subquery().label("project")).cte("projects_queued", recursive=True)
    following = head.where(Job.project > projects.c.project).correlate(projects).scalar_subquery()
    return projects.union_all(select(following).where(projects.c.project.is_not(None)))


def _kinds() -> CTE:
    """Every kind that a claimable job asks for, and a NULL at the end; found as in `queued_projects`."""
    head = select(DEVICE_KIND).where(is_claimable()).order_by(DEVICE_KIND).limit(1)
    kinds = select(head.scalar_subquery().label("kind")).cte("kinds", recursive=True)
    following = head.where(kinds.c.kind < DEVICE_KIND).correlate(kinds).scalar_subquery()
    return kinds.union_all(select(following).where(kinds.c.kind.is_not(None)))


def _those_of(each: Subquery) -> CTE:
    """Those of the given kinds that a claimable job asks for."""
    asked_for = exists().select_from(Job).where(is_claimable(), each.c.kind == DEVICE_KIND).correlate(each)
    return select(each.c.kind).where(asked_for).cte("kinds")


def _lanes(kinds: CTE) -> Select[str, int]:
    """For each kind, every number of devices that a claimable job asks for."""
    number = select(Job.devices).where(is_claimable()).order_by(Job.devices).limit(1)
    least = number.where(kinds.c.kind == DEVICE_KIND).correlate(kinds).scalar_subquery()
    lanes = select(kinds.c.kind, least.label("devices")).where(kinds.c.kind.is_not(None)).cte("lanes", recursive=True)
    more = number.where(lanes.c.kind == DEVICE_KIND, Job.devices > lanes.c.devices).correlate(lanes).scalar_subquery()
    lanes = lanes.union_all(select(lanes.c.kind, more).where(lanes.c.devices.is_not(None)))
    return select(lanes.c.kind, lanes.c.devices).where(lanes.c.devices.is_not(None))


def _of_lanes(dialect: str, size: int) -> Select[str]:
    """The ids of the first jobs of each lane."""
    lane = _each(dialect)
    return _heads(dialect, lane, _is_of(lane), OF_LANE, size)


def _of_projects(dialect: str, size: int) -> Any:
    """The ids of the first jobs of each lane and project, and of the jobs that are to be stopped."""
    projects = queued_projects()
    lane = _each(dialect)
    each = (
        select(projects.c.project, lane.c.kind, lane.c.devices)
        .select_from(projects.join(lane, true()))
        .where(projects.c.project.not_in(bindparam("without", expanding=True)))
        .subquery("lane_of_project")
    )
    heads = _heads(dialect, each, and_(Job.project == each.c.project, _is_of(each)), (Job.project, *OF_LANE), size)
    fits = exists().select_from(lane).where(_is_of(lane)).correlate(Job)
    stopping = select(Job.id).where(is_claimable(), Job.requested == literal_column(f"'{Request.STOP}'"), fits)
    stopping_first = stopping.order_by(*ORDER).limit(size).correlate(None).subquery("stopping")
    return union_all(heads, select(stopping_first.c.id))


def _heads(dialect: str, each: Any, condition: ColumnElement[bool], index: Sequence[Any], size: int) -> Select[str]:
    """The ids of the first jobs that meet the condition, for each row of `each`.

    For PostgreSQL, the order names all columns of the index, although the condition fixes the first of them. So it uses
    this index whatever its statistics say. SQLite must not be given that order: it does not see that the indexed
    expression is fixed, and would sort the whole lane.
    """
    heads = select(Job.id).where(is_claimable(), condition).correlate(each)
    if dialect == "sqlite":  # no other transaction can hold a lock: one job is enough
        return select(heads.order_by(*ORDER).limit(1).scalar_subquery()).select_from(each)
    head = heads.order_by(*index, *ORDER)
    lateral = head.limit(size).lateral("heads")
    return select(lateral.c.id).select_from(each.join(lateral, true()))


def _is_of(lane: Any) -> ColumnElement[bool]:
    """The job is in the lane that a row of `_each` names."""
    return and_(lane.c.kind == DEVICE_KIND, Job.devices == lane.c.devices)


def _among(dialect: str, ids: Any) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return Job.id.in_(ids)
    # PostgreSQL looks up each id of an array; for a subquery it may read the whole table. A row that another
    # transaction has changed before it is locked is checked again. That condition must differ in form from that of the
    # indexes of queued jobs: otherwise PostgreSQL searches one of these for the ids, entry by entry.
    status = func.coalesce(Job.status, literal_column("''"), type_=String)
    still_queued = and_(status == JobStatus.QUEUED.value, Job.not_before.is_(None))
    return and_(Job.id == any_(func.array(ids.scalar_subquery(), type_=ARRAY(String))), still_queued)


def _each(dialect: str) -> Subquery:
    """The parameter `lanes` as a table: one statement serves any number of lanes."""
    rows = bindparam("lanes", type_=JSON)
    if dialect == "sqlite":
        # No cast to a type: SQLite would not use the index of an expression, which has no type, for a value that has
        # one.
        each = func.json_each(rows).table_valued("value", name="wanted")
        kind, devices = (func.json_extract(each.c.value, literal_column(f"'$[{place}]'")) for place in (0, 1))
    else:
        each = func.json_array_elements(rows).table_valued(Column("value", JSON), name="wanted")
        kind, devices = each.c.value[0].as_string(), each.c.value[1].as_integer()
    return select(kind.label("kind"), devices.label("devices")).subquery("wanted_lanes")
