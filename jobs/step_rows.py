"""All steps of a job, for who reads millions of them."""

from typing import Any

from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.orm import Session

from jobs import queries
from jobs.paging import Page, cut, fetched, one_more
from models import Step


def step_rows_after(session: Session, job_id: str, after_epoch: int, after_step: int, limit: int) -> Page[Row[Any]]:
    """`queries.steps_after` as plain rows, without the attempts. Raises JobNotFound."""
    queries.status_of(session, job_id)
    statement = (
        select(Step.epoch, Step.step, Step.recorded_at, Step.loss, Step.learning_rate)
        .where(Step.job_id == job_id, tuple_(Step.epoch, Step.step) > (after_epoch, after_step))
        .order_by(Step.epoch, Step.step)
    )
    return cut(fetched(session.execute(one_more(statement, limit))), limit)


def most_steps_of_an_epoch(session: Session, job_id: str) -> int:
    """As many as the recorded steps show: at least 1. Raises JobNotFound."""
    queries.status_of(session, job_id)
    return 1 + (session.scalar(select(func.max(Step.step)).where(Step.job_id == job_id)) or 0)
