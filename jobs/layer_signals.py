"""What epochs say of each layer: read apart from their rows, which are many, and short without it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.errors import JobNotFound
from models import Epoch, Job


def layers_until(session: Session, job_id: str, epoch: int | None) -> tuple[int | None, Sequence[Mapping[str, Any]]]:
    """The last epoch that has layers, up to `epoch` where that is given; and these, as training.metrics.LayerSignals
    has them. None, and no layers, where there is no such epoch. Raises JobNotFound."""
    if session.scalar(select(Job.id).where(Job.id == job_id)) is None:
        raise JobNotFound(job_id)
    measured = select(Epoch.epoch, Epoch.layers).where(Epoch.job_id == job_id, Epoch.layers.is_not(None))
    if epoch is not None:
        measured = measured.where(Epoch.epoch <= epoch)
    found = session.execute(measured.order_by(Epoch.epoch.desc()).limit(1)).first()
    return (found.epoch, found.layers) if found else (None, ())
