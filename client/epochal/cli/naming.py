"""Which job is meant: by an id, the start of one, a name, or @last."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from epochal.cli.failures import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from epochal import Job
    from epochal.cli.context import Context

LAST = "@last"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, as ULIDs are written
_ID = re.compile(f"job_[{_ALPHABET}]{{26}}")
_START = re.compile(f"(?:job_)?([{_ALPHABET}]{{1,26}})")
_TIME_LENGTH = 10  # characters of milliseconds, which an id begins with
_CANDIDATES = 5  # that an error lists
_MARGIN = timedelta(milliseconds=2)  # an id is rounded to microseconds


def find_job(context: Context, reference: str) -> str:
    """The id of a job. A name goes before the start of an id. Raises CommandError where none or several are meant."""
    if reference == LAST:
        return _last(context)
    if _ID.fullmatch(reference):
        return reference
    if not reference or not reference.isprintable():
        raise CommandError(f"{reference!r} is no id and no name of a job")
    named = [(job.id, job.name) for _, job in zip(range(_CANDIDATES + 1), _named(context, reference), strict=False)]
    found = named or _starting(context, reference)
    if len(found) == 1:
        return found[0][0]
    if not found:
        raise CommandError(f"there is no job {reference!r}", "`epochal ls` lists the jobs.")
    listed = ", ".join(f"{job_id} ({name})" if name else job_id for job_id, name in found[:_CANDIDATES])
    more = " and more" if len(found) > _CANDIDATES else ""
    raise CommandError(f"{reference!r} may be several jobs", f"Name one of {listed}{more}.")


def _last(context: Context) -> str:
    from epochal.cli.state import canonical, last_job

    address = context.target.address
    job_id = last_job(address)
    if job_id is None:
        raise CommandError(
            f"{LAST} is the job that was submitted last from here to {canonical(address)}: there is none",
            "`epochal ls` lists the jobs.",
        )
    return job_id


def _named(context: Context, name: str) -> Iterable[Job]:
    return context.client.jobs.list(name=name, limit=_CANDIDATES + 1)


def _starting(context: Context, text: str) -> list[tuple[str, str | None]]:
    """Jobs whose ids begin so. An id begins with the time of its creation, so that few jobs must be looked through."""
    match = _START.fullmatch(text.lower())
    if not match:
        return []
    start = match[1]
    after, before = _times(start)
    found: list[tuple[str, str | None]] = []
    for job in context.client.jobs.list(created_after=after, created_before=before, limit=100):
        if job.id.startswith(f"job_{start}"):
            found.append((job.id, job.name))
        if len(found) > _CANDIDATES:
            break
    return found


def _times(start: str) -> tuple[datetime, datetime]:
    """Between which times jobs are created whose ids begin so."""
    head = start[:_TIME_LENGTH]
    low = _milliseconds(head.ljust(_TIME_LENGTH, "0"))
    high = _milliseconds(head.ljust(_TIME_LENGTH, "z")) + 1
    return _moment(low) - _MARGIN, _moment(high) + _MARGIN


def _milliseconds(text: str) -> int:
    value = 0
    for character in text:
        value = value * 32 + _ALPHABET.index(character)
    return value


def _moment(milliseconds: int) -> datetime:
    """Within what the service can read as a time."""
    first, last = datetime(1970, 1, 2, tzinfo=timezone.utc), datetime(9999, 12, 30, tzinfo=timezone.utc)
    seconds = min(milliseconds / 1000, last.timestamp())
    return max(first, datetime.fromtimestamp(seconds, timezone.utc))
