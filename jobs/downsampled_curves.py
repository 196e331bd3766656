"""A job's epochs and steps, as many as a chart needs. Which ones is found from the columns that a chart draws; only
those that are chosen are read whole."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Integer, column, func, select, tuple_, values
from sqlalchemy.orm import InstrumentedAttribute, Session

from jobs.downsampling import downsample, least_points
from jobs.errors import JobNotFound
from jobs.paging import ROWS_AT_ONCE, Page, fetched
from models import Epoch, Job, Step

MEASURES: tuple[InstrumentedAttribute[float] | InstrumentedAttribute[float | None], ...] = (
    Epoch.train_loss,
    Epoch.train_accuracy,
    Epoch.test_loss,
    Epoch.test_accuracy,
    Epoch.test_top5_accuracy,
    Epoch.validation_loss,
    Epoch.validation_accuracy,
)
# Of a small chart, which many jobs have side by side.
CURVES = (Epoch.train_loss, Epoch.train_accuracy, Epoch.test_loss, Epoch.test_accuracy)
LEAST_EPOCHS = least_points(len(MEASURES))
LEAST_OF_CURVES = least_points(len(CURVES))
LEAST_STEPS = least_points(1)


def downsampled_epochs(session: Session, job_id: str, most: int, after_epoch: int = -1) -> Page[Epoch]:
    """At most `most` of a job's epochs, in order. Raises JobNotFound."""
    chosen = choose_epochs(session, job_id, most, after_epoch)
    statement = select(Epoch).where(Epoch.job_id == job_id, Epoch.epoch.in_(chosen)).order_by(Epoch.epoch)
    return Page(fetched(session.scalars(statement)), has_more=False)


def choose_epochs(session: Session, job_id: str, most: int, after_epoch: int = -1) -> Sequence[int]:
    """Which epochs are enough to draw every measure's curve: at most `most`, LEAST_EPOCHS or more, the best one among
    them. Raises JobNotFound."""
    job = session.execute(select(Job.best_epoch).where(Job.id == job_id)).first()
    if job is None:
        raise JobNotFound(job_id)
    wanted = (Epoch.job_id == job_id, Epoch.epoch > after_epoch)
    narrow = select(Epoch.epoch, *MEASURES).where(*wanted).order_by(Epoch.epoch)
    rows = session.execute(narrow, execution_options={"yield_per": ROWS_AT_ONCE})
    return downsample(
        ((row[0], row[1:]) for row in rows), _count(session, Epoch, *wanted), most, named=(job.best_epoch,)
    )


def downsampled_curves(session: Session, jobs: Mapping[str, int | None], most: int) -> dict[str, list[tuple[Any, ...]]]:
    """Of each job at most `most` of its epochs, LEAST_OF_CURVES or more, with the CURVES of each. `jobs` has each job's
    best epoch by its id. Two queries, however many jobs there are."""
    of_jobs = Epoch.job_id.in_(jobs)
    counted = select(Epoch.job_id, func.count()).where(of_jobs).group_by(Epoch.job_id)
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(counted)}
    statement = select(Epoch.job_id, Epoch.epoch, *CURVES).where(of_jobs).order_by(Epoch.job_id, Epoch.epoch)
    rows = session.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    found: dict[str, list[tuple[Any, ...]]] = {job_id: [] for job_id in jobs}
    for job_id, together in groupby(rows, key=itemgetter(0)):
        by_epoch: dict[Any, tuple[float | None, ...]] = {row[1]: tuple(row[2:]) for row in together}
        chosen = downsample(by_epoch.items(), counts.get(job_id, 0), most, named=(jobs[job_id],))
        found[job_id] = [(epoch, *by_epoch[epoch]) for epoch in chosen]
    return found


def downsampled_steps(
    session: Session, job_id: str, most: int, after_epoch: int = -1, after_step: int = -1
) -> Page[Step]:
    """At most `most` of a job's recorded steps, LEAST_STEPS or more, in order: enough to draw their losses. Raises
    JobNotFound."""
    if session.scalar(select(Job.id).where(Job.id == job_id)) is None:
        raise JobNotFound(job_id)
    wanted = (Step.job_id == job_id, tuple_(Step.epoch, Step.step) > (after_epoch, after_step))
    narrow = select(Step.epoch, Step.step, Step.loss).where(*wanted).order_by(Step.epoch, Step.step)
    rows = session.execute(narrow, execution_options={"yield_per": ROWS_AT_ONCE})
    chosen = downsample((((row[0], row[1]), row[2:]) for row in rows), _count(session, Step, *wanted), most)
    if not chosen:
        return Page([], has_more=False)
    # A table of its own, from which each is looked up: of pairs in a list, or of a table that is merely joined,
    # databases may read every row of the job for each.
    keys = values(column("epoch", Integer), column("step", Integer), name="chosen").data(list(chosen)).cte()
    same = (Step.job_id == job_id) & (Step.epoch == keys.c.epoch) & (Step.step == keys.c.step)
    found = select(Step).select_from(keys).outerjoin(Step, same).order_by(keys.c.epoch, keys.c.step)
    return Page(fetched(session.scalars(found)), has_more=False)


def _count(session: Session, kind: type[Epoch] | type[Step], *wanted: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).select_from(kind).where(*wanted)).one()
