"""Rules for what is there in the end, and for what readers saw on the way: each yields what breaks it, in words."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from jobs.verified_storage import STORAGE_ID_FILE
from models import ACTIVE, TERMINAL, JobStatus, Request
from storage import StoredFile
from tests.chaos.evidence import Evidence, FinalJob
from tests.chaos.reader import Seen
from tests.chaos.workload import Ticket
from tests.chaos.write_rules import is_claim, job_updates

OFTEN = 3  # a kind of fault that was aimed so often is to have hit once


def tried(evidence: Evidence) -> Iterator[str]:
    """A run in which nothing was done or hit has shown nothing."""
    writes = Counter((write.relation, write.operation) for write in evidence.writes)
    there = {
        "no job was accepted": evidence.tickets,
        "no job has ended": {job.status for job in evidence.jobs} & TERMINAL
        or {write.status for write in evidence.writes} & TERMINAL,
        "no attempt is in the history": writes["attempts", "insert"],
        "no job's status is in the history": writes["jobs", "update"],
        "no epoch is in the history": writes["epochs", "insert"],
        "no reader was answered": evidence.seen,
        "no watcher was told of an event": [told for told in evidence.told if told.event_ids],
        "no fault was aimed": evidence.faults,
        "no fault hit anything": [fault for fault in evidence.faults if fault.hit],
    }
    yield from (what for what, found in there.items() if not found)
    for kind, count in Counter(fault.kind for fault in evidence.faults).items():
        if count >= OFTEN and not any(fault.hit for fault in evidence.faults if fault.kind == kind):
            yield f"{kind} was aimed {count} times and hit nothing"


def accepted_once(evidence: Evidence) -> Iterator[str]:
    """Every acknowledged job is there, once for its idempotency key."""
    copies = Counter(job.name for job in evidence.jobs)
    ids = {job.id for job in evidence.jobs}
    for ticket in evidence.tickets:
        if ticket.job_id not in ids:
            yield f"{ticket.job_id} was accepted, and is not there"
        if copies[ticket.planned.name] > 1:
            yield f"{ticket.planned.name}: {copies[ticket.planned.name]} jobs for one idempotency key"


def quota_kept(evidence: Evidence) -> Iterator[str]:
    """No attempt begins while as many jobs run as may, but to make the weights of one that is to be stopped."""
    running: set[str] = set()
    for write in job_updates(evidence.writes):
        others = running - {write.job_id}
        full = evidence.quota is not None and len(others) >= evidence.quota
        if full and is_claim(write) and write.requested != Request.STOP:
            yield f"{write.job_id} began at write {write.id} while {len(others)} ran, of {evidence.quota} that may"
        running = others | ({write.job_id} if write.status in ACTIVE else set())


def as_asked(evidence: Evidence) -> Iterator[str]:
    """Every accepted job has ended, and in the way that was asked for."""
    for ticket, job in _accepted(evidence):
        if job.status not in TERMINAL:
            yield f"{_told(ticket)} is still {job.status}"
        elif job.status not in _possible(ticket) and not (_is_limited(ticket) and _has_timed_out(job)):
            reason = f" ({job.error})" if job.error else ""
            yield f"{_told(ticket)} ended as {job.status}{reason}, in place of {' or '.join(_possible(ticket))}"


def epochs_whole(evidence: Evidence) -> Iterator[str]:
    """A succeeded job has each of its epochs once, and no job has a gap."""
    for ticket, job in _accepted(evidence):
        expected = job.planned_epochs if job.status == JobStatus.SUCCEEDED else len(job.epochs)
        if job.epochs != tuple(range(expected)):
            yield f"{_told(ticket)}, {job.status}, has epochs {list(job.epochs)} of {job.planned_epochs}"


def killed_equals_unkilled(evidence: Evidence) -> Iterator[str]:
    """A succeeded job has the weights that its spec comes to without faults, to the bit."""
    for ticket, job in _accepted(evidence):
        if job.status != JobStatus.SUCCEEDED:
            continue
        expected = evidence.references[ticket.planned.variant]
        found = job.weights.sha256 if job.weights else "no weights"
        if found != expected:
            yield f"{_told(ticket)} ended with {found}, in place of {expected}"


def stopped_equals_unkilled(evidence: Evidence) -> Iterator[str]:
    """A job that was stopped, or has used up its time, has the weights that its spec comes to without faults at the
    same place, to the bit: behind the last of its steps that are stored."""
    for ticket, job in _accepted(evidence):
        if job.weights is None or not (job.status == JobStatus.STOPPED or _has_timed_out(job)):
            continue
        expected = evidence.part_way.get((ticket.planned.variant, *job.reached)) if job.reached else None
        if job.weights.sha256 != expected:
            yield f"{_told(ticket)} ended at {job.reached} with {job.weights.sha256}, in place of {expected}"


def discarded(evidence: Evidence) -> Iterator[str]:
    """A cancelled job has neither weights nor checkpoints."""
    for ticket, job in _accepted(evidence):
        if job.status == JobStatus.CANCELLED and (job.weights or job.checkpoints):
            yield f"{_told(ticket)} was cancelled, and has files that rows name"


def stopped_with_weights(evidence: Evidence) -> Iterator[str]:
    """A stop that found a checkpoint to make weights from has kept them."""
    for job in evidence.jobs:
        usable = [file.name for file in job.checkpoints if file.name not in evidence.damaged]
        if job.status == "stopped" and usable and job.weights is None:
            yield f"{job.id}: stopped without weights, with {usable[0]}"


def files_named(evidence: Evidence) -> Iterator[str]:
    """Every file that a row names is there, as it was stored, and no other file is but the storage's own mark."""
    named = {file.name: file for job in evidence.jobs for file in _files(job)}
    for name, file in named.items():
        if name not in evidence.files:
            yield f"{name} is named by a row, and is not there"
        elif evidence.files[name] != file.sha256 and name not in evidence.damaged:
            yield f"{name} is not what its row says: {evidence.files[name]} in place of {file.sha256}"
    for name in evidence.files.keys() - named.keys() - {STORAGE_ID_FILE}:
        yield f"{name} is there, and no row names it"


def secrets_kept(evidence: Evidence) -> Iterator[str]:
    """No secret stands anywhere."""
    yield from evidence.leaks


def no_internal_error(evidence: Evidence) -> Iterator[str]:
    """Whatever was away, no request was answered with a 500."""
    yield from evidence.internal_errors


def logs_clean(evidence: Evidence) -> Iterator[str]:
    """No program has written of an error that nothing explains."""
    yield from evidence.logged


def clients_served(evidence: Evidence) -> Iterator[str]:
    """No client got an answer that makes no sense, and the service ended when it was told to."""
    yield from evidence.problems


def readable(evidence: Evidence) -> Iterator[str]:
    """Whoever polls sees epochs from 0 on, in order and each once, and none vanishes.

    Those that a stopped job's weights have not been through are taken back, and those of one whose time is up.
    """
    stopped = {ticket.job_id for ticket in evidence.tickets if ticket.planned.verb == "stop" or _is_limited(ticket)}
    latest: dict[str, Seen] = {}
    for seen in evidence.seen:
        if seen.epochs != tuple(range(len(seen.epochs))):
            yield f"{seen.job_id}: a reader saw the epochs {list(seen.epochs)}"
        before = latest.get(seen.job_id)
        if before and len(seen.epochs) < len(before.epochs) and seen.job_id not in stopped:
            yield f"{seen.job_id}: a reader saw {len(before.epochs)} epochs, and later {len(seen.epochs)}"
        latest[seen.job_id] = seen


def streamed(evidence: Evidence) -> Iterator[str]:
    """Whoever follows a stream, over however many connections, is told each event once and in order, every epoch among
    them, and in the end how the job has ended.

    Those epochs that a stopped job's weights have not been through are told, and later taken back.
    """
    jobs = {job.id: job for job in evidence.jobs}
    for told in evidence.told:
        if any(later <= earlier for earlier, later in pairwise(told.event_ids)):
            yield f"{told.job_id}: a watcher was told the events {list(told.event_ids)}"
        if told.epochs != tuple(range(len(told.epochs))):
            yield f"{told.job_id}: a watcher was told the epochs {list(told.epochs)}"
        job = jobs.get(told.job_id)
        if job is None or told.ended_as is None:
            continue
        kept = told.epochs[: len(job.epochs)] if job.status == JobStatus.STOPPED or _has_timed_out(job) else told.epochs
        if (told.ended_as, kept) != (job.status, job.epochs):
            was, is_now = f"{told.ended_as} with epochs {list(told.epochs)}", f"{job.status} with {list(job.epochs)}"
            yield f"{told.job_id}: a watcher was told that it ended as {was}, and it is {is_now}"


def final_cancel(evidence: Evidence) -> Iterator[str]:
    """Once a cancellation is acknowledged, a reader sees no later epoch."""
    for ticket in evidence.tickets:
        if ticket.taken != "cancel" or ticket.taken_at is None:
            continue
        # What is read first after it may be what was there; whatever differs from that came later.
        after = [
            seen for seen in evidence.seen if seen.job_id == ticket.job_id and seen.last_asked_at >= ticket.taken_at
        ]
        for seen in after[1:]:
            yield f"{_told(ticket)}: a reader saw {len(after[0].epochs)} epochs, and later {len(seen.epochs)}"


def _accepted(evidence: Evidence) -> Iterator[tuple[Ticket, FinalJob]]:
    jobs = {job.id: job for job in evidence.jobs}
    for ticket in evidence.tickets:
        if ticket.job_id in jobs:
            yield ticket, jobs[ticket.job_id]


def _possible(ticket: Ticket) -> tuple[str, ...]:
    """How the job may have ended."""
    match ticket.planned.verb, ticket.taken:
        case "cancel", "cancel":
            return ("cancelled",)
        case "cancel", None if not ticket.refused:  # done, maybe, and the answer lost
            return ("succeeded", "cancelled")
        case "stop", _ if not ticket.refused:  # what has trained every epoch meanwhile has succeeded
            return ("succeeded", "stopped")
    return ("succeeded",)


def _is_limited(ticket: Ticket) -> bool:
    return ticket.planned.time_limit_minutes is not None


def _has_timed_out(job: FinalJob) -> bool:
    return job.status == JobStatus.FAILED and (job.error or "").startswith("timeout:")


def _files(job: FinalJob) -> tuple[StoredFile, ...]:
    return (*job.checkpoints, *job.left) if job.weights is None else (*job.checkpoints, *job.left, job.weights)


def _told(ticket: Ticket) -> str:
    asked = f", {ticket.taken} acknowledged" if ticket.taken else ""
    return f"{ticket.job_id} ({ticket.planned.name}, variant {ticket.planned.variant}{asked})"
