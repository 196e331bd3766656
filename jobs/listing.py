"""Pages of filtered and sorted lists of jobs. New jobs do not move the rows of a page that is read later.

One query finds the ids of a page, in the order of an index. Only then are its jobs read. So a page costs the same,
however many jobs there are.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, tuple_, union_all
from sqlalchemy.orm import aliased

from jobs.errors import CursorInvalid
from jobs.ids import first_id, is_id, last_id
from models import DatasetVersion, Job, JobStatus, JobTag, ProjectSession
from training.known.dataset_names import VERSION

Sort = Literal["created_at", "finished_at", "name", "priority", "best_accuracy"]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Selects jobs; by default all. A job needs one of the statuses, and every tag."""

    statuses: Sequence[JobStatus] = ()
    dataset: str | None = None
    architecture: str | None = None
    tags: Sequence[str] = ()
    name: str | None = None
    parent: str | None = None  # the sweep or the audit whose part it is
    created_after: datetime | None = None  # aware, exclusive
    created_before: datetime | None = None
    ids: Sequence[str] = ()  # one of these
    search: str | None = None  # a part of the name or of the id, or a whole tag, in any case


@dataclass(frozen=True, slots=True)
class SortOrder:
    """By `sort`, then by id. Jobs that have no such value yet are left out."""

    sort: Sort = "created_at"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class IdPage:
    """The ids of a page of jobs, in order."""

    ids: Sequence[str]
    next_cursor: str | None  # None: it is the last page


NEWEST_FIRST = SortOrder()


def page_of_ids(session: ProjectSession, jobs: JobFilter, order: SortOrder, after: str | None, limit: int) -> IdPage:
    """The jobs that follow the cursor `after`. Raises CursorInvalid."""
    rows = session.execute(_along_index(session, jobs, order, after, limit + 1)).all()
    ids = [row.id for row in rows[:limit]]
    return IdPage(ids, _cursor(order, rows[limit - 1]) if len(rows) > limit else None)


def _along_index(
    session: ProjectSession, jobs: JobFilter, order: SortOrder, after: str | None, limit: int
) -> Select[Any]:
    """Ids, and the values that they are sorted by. With several statuses, a page of each is read, and they are merged:
    no index has the jobs of several statuses in one order."""
    statuses = list(dict.fromkeys(jobs.statuses))
    if len(statuses) < 2:
        return _of_status(session, jobs, order, after, limit, statuses[0] if statuses else None)
    each = [_of_status(session, jobs, order, after, limit, status).subquery() for status in statuses]
    merged = union_all(*(select(part.c.id, part.c.value) for part in each)).subquery()
    direction = (merged.c.value.desc(), merged.c.id.desc()) if order.descending else (merged.c.value, merged.c.id)
    return select(merged.c.id, merged.c.value).order_by(*direction).limit(limit)


def _of_status(
    session: ProjectSession, jobs: JobFilter, order: SortOrder, after: str | None, limit: int, status: JobStatus | None
) -> Select[Any]:
    by_tag = bool(jobs.tags) and order.sort == "created_at"
    job_id: Any = JobTag.job_id if by_tag else Job.id
    value: Any = job_id if order.sort == "created_at" else getattr(Job, order.sort)
    conditions = _conditions(jobs)
    if jobs.search is not None:
        conditions.append(job_id.in_(_matching(session.project, jobs.search)))
    if session.project is not None:
        conditions.append(Job.project == session.project)
    if status is not None:
        conditions.append(Job.status == status)
    if by_tag:
        # The index of tags has ids in order. For a join with jobs, SQLite may read jobs first, and then sort.
        conditions = [JobTag.tag == jobs.tags[0], exists().where(Job.id == JobTag.job_id, *conditions)]
        if session.project is not None:
            conditions.append(JobTag.project == session.project)
    others = jobs.tags[1:] if by_tag else jobs.tags
    conditions += [_has_tag(JobTag.project if by_tag else Job.project, job_id, tag) for tag in others]
    statement = select(job_id.label("id"), value.label("value")).where(*conditions)
    if order.sort in ("name", "finished_at", "best_accuracy"):
        statement = statement.where(value.is_not(None))
    if after is not None:
        place = tuple_(value, job_id) if order.sort != "created_at" else job_id
        last = _position(order, after)
        statement = statement.where(place < last if order.descending else place > last)
    by = (value, job_id) if order.sort != "created_at" else (job_id,)
    return statement.order_by(*(column.desc() if order.descending else column.asc() for column in by)).limit(limit)


def _conditions(jobs: JobFilter) -> list[ColumnElement[bool]]:
    exact = ((Job.architecture, jobs.architecture), (Job.name, jobs.name), (Job.parent, jobs.parent))
    conditions: list[ColumnElement[bool]] = [column == wanted for column, wanted in exact if wanted is not None]
    if jobs.dataset is not None:
        conditions += _of_dataset(jobs.dataset)
    if jobs.created_after is not None:
        conditions.append(Job.id > last_id(jobs.created_after))
    if jobs.created_before is not None:
        conditions.append(Job.id < first_id(jobs.created_before))
    if jobs.ids:
        conditions.append(Job.id.in_(jobs.ids))
    return conditions


def _matching(project: str | None, search: str) -> Select[Any]:
    """Ids of the jobs whose name or id contains the text, or that have it as a tag. Indexes have all that is looked at:
    the jobs themselves are not read."""
    jobs, tags = Job.__table__.c, JobTag.__table__.c
    words = _cases(search)
    named = select(jobs.id).where(
        or_(*(column.icontains(word, autoescape=True) for column in (jobs.name, jobs.id) for word in words))
    )
    tagged = select(tags.job_id.label("id")).where(
        or_(*(tags.tag.ilike(_literally(word), escape="/") for word in words))
    )
    if project is not None:
        named, tagged = named.where(jobs.project == project), tagged.where(tags.project == project)
    return select(union_all(named, tagged).subquery().c.id)


def _cases(text: str) -> Sequence[str]:
    """The text in the cases in which words are written. SQLite itself ignores the case of ASCII's letters alone."""
    return list(dict.fromkeys((text.lower(), text.upper(), text.title()))) if not text.isascii() else [text]


def _literally(text: str) -> str:
    """As a pattern of LIKE."""
    return re.sub(r"([/%_])", r"/\1", text)


def _of_dataset(reference: str) -> list[ColumnElement[bool]]:
    """As a spec names it, with a version or without."""
    name, _, number = reference.partition("@")
    if not re.fullmatch(VERSION, number):
        return [Job.dataset == reference]
    version = int(number)
    same = select(DatasetVersion.same_as).where(
        DatasetVersion.project == Job.project, DatasetVersion.dataset == name, DatasetVersion.number == version
    )
    return [Job.dataset == name, Job.dataset_version == func.coalesce(same.scalar_subquery(), version)]


def _has_tag(project: Any, job_id: Any, tag: str) -> ColumnElement[bool]:
    other = aliased(JobTag)
    return exists().where(other.project == project, other.tag == tag, other.job_id == job_id)


def _cursor(order: SortOrder, row: Any) -> str:
    """Marks the end of a page: the last job's id, and the value that it was sorted by."""
    if order.sort == "created_at":
        return str(row.id)
    value = row.value.isoformat() if isinstance(row.value, datetime) else row.value
    return base64.urlsafe_b64encode(json.dumps([order.sort, value, row.id]).encode()).decode().rstrip("=")


def _position(order: SortOrder, cursor: str) -> Any:
    """The value and the id in a cursor. Raises CursorInvalid."""
    if order.sort == "created_at":
        if not is_id(cursor):
            raise CursorInvalid(order.sort)
        return cursor
    try:
        sort, value, job_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if sort != order.sort or not isinstance(job_id, str) or not is_id(job_id):
            raise ValueError
        value = _READ[sort](value)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise CursorInvalid(order.sort) from error
    return (value, job_id)


def _name(value: Any) -> str:
    """A name that a job could have: PostgreSQL accepts neither NUL nor half of a surrogate pair."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    value.encode()
    return value


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def _priority(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 9:
        raise ValueError
    return value


def _accuracy(value: Any) -> float:
    if type(value) is not float:
        raise ValueError
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "finished_at": _time,
    "priority": _priority,
    "best_accuracy": _accuracy,
}
