"""The queue by lanes. Jobs that ask for as many devices of the same kind wait in one lane, in the order in which they
are served; so that the first that a worker fits is found by a look at the lanes that there are, and not at each job.

A worker that is about to claim locks the first job that no other has locked: however many look at once, each finds
another, and nobody waits.
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

# Where there are more kinds of lanes, only those are looked for that a worker could serve at all.
MOST_LANES = 200

# So many of the first jobs of each lane are looked at for one that is not locked; where all are, more. Where lanes are
# looked at project by project there may be very many.
FIRST_OF_LANE = (32, 1024)
FIRST_OF_PROJECT = (1, 32, 1024)

ORDER = (Job.priority.desc(), Job.id)
OF_LANE = (DEVICE_KIND, Job.devices)


class Lane(NamedTuple):
    """What its jobs ask for."""

    kind: str  # "cpu", "gpu", part of a device's name in lower case; "" for any
    devices: int


class WaitingJob(NamedTuple):
    """A job that may begin, if its project may begin one."""

    id: str
    devices: int
    accelerator: str | None
    project: str
    requested: Request | None


def find_lanes(session: Session, servable: Collection[str]) -> Sequence[Lane]:
    """The lanes in which a job waits that may begin now: all, or, of very many, those of `servable` kinds."""
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
    """The first job of these lanes, by priority and then by age, but for those of projects `without`; with `lock`, the
    first that no other transaction has locked, locked until this one ends.

    Of a project `without`, one that is to be stopped is found all the same: it takes a moment, and ends with the
    weights that it has.
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


# Statements are made once: to make one costs more than to have it carried out.


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
    """Every project of which a job is in a lane, each found behind the one before in the index; and at last a NULL."""
    head = select(Job.project).where(is_claimable()).order_by(Job.project).limit(1)
    projects = select(head.scalar_subquery().label("project")).cte("projects_queued", recursive=True)
    following = head.where(Job.project > projects.c.project).correlate(projects).scalar_subquery()
    return projects.union_all(select(following).where(projects.c.project.is_not(None)))


def _kinds() -> CTE:
    """Every kind that is asked for, each found behind the one before in the lanes' index; and at last a NULL."""
    head = select(DEVICE_KIND).where(is_claimable()).order_by(DEVICE_KIND).limit(1)
    kinds = select(head.scalar_subquery().label("kind")).cte("kinds", recursive=True)
    following = head.where(kinds.c.kind < DEVICE_KIND).correlate(kinds).scalar_subquery()
    return kinds.union_all(select(following).where(kinds.c.kind.is_not(None)))


def _those_of(each: Subquery) -> CTE:
    """Those of some kinds that are asked for."""
    asked_for = exists().select_from(Job).where(is_claimable(), each.c.kind == DEVICE_KIND).correlate(each)
    return select(each.c.kind).where(asked_for).cte("kinds")


def _lanes(kinds: CTE) -> Select[str, int]:
    """Of each kind every number of devices that is asked for."""
    number = select(Job.devices).where(is_claimable()).order_by(Job.devices).limit(1)
    least = number.where(kinds.c.kind == DEVICE_KIND).correlate(kinds).scalar_subquery()
    lanes = select(kinds.c.kind, least.label("devices")).where(kinds.c.kind.is_not(None)).cte("lanes", recursive=True)
    more = number.where(lanes.c.kind == DEVICE_KIND, Job.devices > lanes.c.devices).correlate(lanes).scalar_subquery()
    lanes = lanes.union_all(select(lanes.c.kind, more).where(lanes.c.devices.is_not(None)))
    return select(lanes.c.kind, lanes.c.devices).where(lanes.c.devices.is_not(None))


def _of_lanes(dialect: str, size: int) -> Select[str]:
    """The ids of the first jobs of each."""
    lane = _each(dialect)
    return _heads(dialect, lane, _is_of(lane), OF_LANE, size)


def _of_projects(dialect: str, size: int) -> Any:
    """The ids of the first jobs of each, of each project that has any; and of those that are to be stopped."""
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

    PostgreSQL is asked for the order of the columns of an index, though the first of these are given: so it takes no
    other, however little it knows of how many jobs there are. SQLite, which does not see that one which is an
    expression is given, would sort all of the lane.
    """
    heads = select(Job.id).where(is_claimable(), condition).correlate(each)
    if dialect == "sqlite":  # where nobody else has anything locked: one is enough
        return select(heads.order_by(*ORDER).limit(1).scalar_subquery()).select_from(each)
    head = heads.order_by(*index, *ORDER)
    lateral = head.limit(size).lateral("heads")
    return select(lateral.c.id).select_from(each.join(lateral, true()))


def _is_of(lane: Any) -> ColumnElement[bool]:
    """A job waits in the lane of a row of `_each`."""
    return and_(lane.c.kind == DEVICE_KIND, Job.devices == lane.c.devices)


def _among(dialect: str, ids: Any) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return Job.id.in_(ids)
    # Of an array PostgreSQL looks each up; of a query it may rather read the whole table. What another transaction has
    # changed by the time that it is locked is judged again: in other words than an index of queued jobs has, or the ids
    # would be looked for there, entry by entry.
    status = func.coalesce(Job.status, literal_column("''"), type_=String)
    still_queued = and_(status == JobStatus.QUEUED.value, Job.not_before.is_(None))
    return and_(Job.id == any_(func.array(ids.scalar_subquery(), type_=ARRAY(String))), still_queued)


def _each(dialect: str) -> Subquery:
    """A table of the `lanes` that a statement is given, however many there are."""
    rows = bindparam("lanes", type_=JSON)
    if dialect == "sqlite":
        # Without a type: of a cast, SQLite would not look it up in an index of an expression, which has none.
        each = func.json_each(rows).table_valued("value", name="wanted")
        kind, devices = (func.json_extract(each.c.value, literal_column(f"'$[{place}]'")) for place in (0, 1))
    else:
        each = func.json_array_elements(rows).table_valued(Column("value", JSON), name="wanted")
        kind, devices = each.c.value[0].as_string(), each.c.value[1].as_integer()
    return select(kind.label("kind"), devices.label("devices")).subquery("wanted_lanes")
