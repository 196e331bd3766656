"""`epochal doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from epochal.cli.failures import SERVICE
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal import Epochal
    from epochal.cli.context import Context

DONE = 0
_CLOCK_SECONDS = 5.0  # by which clocks may differ before it is worth a word
_PARTS = {
    "database": "The database does not answer, or cannot be used: see the log of the API and EPOCHAL_DATABASE_URL.",
    "broker": "Jobs are accepted, and run once the broker is back: see EPOCHAL_REDIS_URL.",
    "storage": "Weights and data sets cannot be reached: see EPOCHAL_STORAGE_URL and the disk.",
}


class Finding(NamedTuple):
    """One thing that was looked at. `mend` says what to do; None: it is as it should be."""

    name: str
    found: str
    mend: str | None = None


def _doctor(context: Context) -> int:
    from epochal.terminal.text import safe, wrap

    findings = list(_examined(context))
    if not context.output.is_table:
        raw = [{"check": one.name, "ok": one.mend is None, "found": one.found, "mend": one.mend} for one in findings]
        for each in raw:
            context.output.one(each, list)
    else:
        style = context.output.style
        for one in findings:
            mark = style.paint("ok   ", "green") if one.mend is None else style.paint("wrong", "red")
            lines = [f"{mark}  {one.name:<10} {safe(one.found)}"]
            lines += [
                " " * 18 + line for line in wrap(safe(one.mend or ""), max(context.output.width - 18, 30), "") if line
            ]
            context.output.lines(lines)
    return DONE if all(one.mend is None for one in findings) else SERVICE


def _examined(context: Context) -> Iterator[Finding]:
    """Each thing in turn; what cannot be looked at since another is wrong is left out."""
    from epochal.cli.state import canonical
    from epochal.errors import EpochalError
    from epochal.version import release

    yield Finding("client", f"epochal {release()}")
    target = context.target
    address = canonical(target.address)  # without a login
    client = context.client_of(target, max_retries=0)
    try:
        answer = client.service.with_raw_response.live()
    except EpochalError as error:
        mend = (
            f"The address is {address}, from {target.source}. If a service runs there, look at its log and at "
            "what is in between; `epochal login ADDRESS` says that it is elsewhere, `epochal up` starts one here."
        )
        yield Finding("service", error.message, mend)
        return
    version = getattr(answer.parse(), "version", None)
    yield Finding("service", f"{version or 'answers'} at {address}, from {target.source}")
    yield _clock(answer.headers)
    yield from _permission(client, has_key=target.key is not None)
    yield from _readiness(client)
    client.close()


def _clock(headers: Any) -> Finding:
    from email.utils import parsedate_to_datetime

    try:
        difference = (datetime.now(timezone.utc) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (TypeError, ValueError):
        return Finding("clock", "the service does not say what time it is")
    if abs(difference) <= _CLOCK_SECONDS:
        return Finding("clock", f"within {_CLOCK_SECONDS:.0f} s of the service's")
    side = "ahead of" if difference > 0 else "behind"
    return Finding(
        "clock",
        f"this machine is {abs(difference):.0f} s {side} the service",
        "Webhooks are refused, and times look wrong, where clocks do not agree: set both by NTP.",
    )


def _permission(client: Epochal, *, has_key: bool) -> Iterator[Finding]:
    from epochal.errors import APIStatusError, EpochalError

    try:
        project = client.projects.list().first_page().data
    except APIStatusError as error:
        mend = "`epochal login` stores a key." if error.status_code in (401, 403) else "See the log of the service."
        yield Finding("key", error.message, mend)
        return
    except EpochalError as error:
        yield Finding("key", error.message, "What answers at that address may be another service.")
        return
    where = f", of the project {project[0].id}" if len(project) == 1 else ""
    yield Finding("key", f"{'valid' if has_key else 'none is asked for'}{where}")
    try:
        workers = client.workers.list().first_page().data
    except EpochalError as error:
        yield Finding("workers", error.message, "See the log of the service.")
        return
    yield from _versions(workers)


def _versions(workers: list[Any]) -> Iterator[Finding]:
    from epochal.version import release

    versions = sorted({worker.epochal_version for worker in workers if worker.epochal_version})
    if not versions:
        return
    said = f"the workers run {', '.join(versions)}"
    if len(versions) > 1:
        yield Finding("version", said, "Have them all run the same release.")
    elif _series(versions[0]) != _series(release()) and release()[:1].isdigit() and "checkout" not in release():
        yield Finding("version", said, f"This client is {release()}: install that of {_series(versions[0])}.")
    else:
        yield Finding("version", said)


def _readiness(client: Epochal) -> Iterator[Finding]:
    from epochal.errors import APIStatusError, EpochalError

    body: Any
    try:
        body = {"workers": client.service.ready().workers}
    except APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {"database": error.message}
    except EpochalError as error:
        body = {"database": error.message}
    for part, mend in _PARTS.items():
        state = str(body.get(part, "ok"))
        if state == "unknown":  # it cannot be looked at without the database
            continue
        yield Finding(part, state, None if state == "ok" else mend)
    number = body.get("workers")
    if number:
        yield Finding("workers", f"{number} online")
    elif body.get("database", "ok") == "ok":
        mend = "Jobs wait until one is: `make up` has one; elsewhere, start the worker, and look at its log."
        yield Finding("workers", "none is online", mend)


def _series(version: str) -> str:
    """Releases of which two work together."""
    return ".".join(version.split(".")[:2])


COMMANDS = {
    "doctor": Command(
        _doctor,
        "Look at everything between this program and a job that runs, and say what is wrong and how to mend it: "
        "address, clock, key, versions, database, broker, storage, workers. The exit code is 3 if something is.",
        [("epochal doctor", "why does it not work?"), ("epochal doctor --json", "an object for each thing")],
    ),
}
