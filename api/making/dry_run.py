"""Describes the job that a submission would make, without making it."""

from collections.abc import Callable, Sequence

from api.schemas import QueuePlace, estimates
from jobs import queries
from jobs.estimates import estimate
from jobs.placement import Needs
from jobs.submission import Submission
from models import Job, ProjectSession
from training.spec.part import Conflict


def preview(session: ProjectSession, submit: Callable[[], Job]) -> estimates.DryRun:
    """Describe the job that `submit` makes within `session`, and roll it back.

    The job is really inserted, so that everything that would refuse a submission refuses the dry run, too. Afterwards
    the transaction has ended, and has changed nothing. Raises what `submit` raises.
    """
    record = queries.find(session, submit().id)
    job = record.job
    submission = Submission.of(job)
    found = estimate(session, submission.spec, Needs(job.devices, job.accelerator))
    preview = estimates.DryRun(
        **submission.beside_spec(),
        spec=submission.spec,
        queue=QueuePlace.model_validate(record.queue),
        data=estimates.DataShape.model_validate(found.data) if found.data else None,
        unknown=found.unknown,
        conflicts=_conflicts(found.conflicts),
        parameters=found.parameters,
        flops=found.flops,
        steps_per_epoch=found.steps_per_epoch,
        memory=estimates.MemoryEstimate.model_validate(found.memory) if found.memory else None,
        devices=[estimates.DeviceEstimate.model_validate(each) for each in found.devices],
    )
    session.rollback()
    return preview


def _conflicts(found: Sequence[Conflict]) -> list[estimates.SpecConflict]:
    """As JSON pointers. The field names of a spec need no escaping in them."""
    return [
        estimates.SpecConflict(pointer="/".join(("#", "spec", *map(str, path))), detail=reason)
        for path, _, reason in found
    ]
