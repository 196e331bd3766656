"""The table of sweeps: groups of jobs whose specs differ in what is asked. Only `sweeps/` writes it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import PROJECT_ID, Base
from models.columns import DatabaseNow

SWEEP_ID = String(30)


class Sweep(Base):
    """A question that several jobs answer: a base spec, and what varies. Its trials are ordinary jobs, whose `parent`
    it is; what became of them stands in their rows alone."""

    __tablename__ = "sweeps"
    __table_args__ = (Index(None, "project", "id"),)

    id: Mapped[str] = mapped_column(SWEEP_ID, primary_key=True)
    project: Mapped[str] = mapped_column(PROJECT_ID)
    name: Mapped[str | None] = mapped_column(String(200))
    experiment: Mapped[str | None] = mapped_column(String(64))  # whose question it answers; None: one of the user's own
    spec: Mapped[dict[str, Any]]  # what the trials have in common, as it was submitted
    space: Mapped[dict[str, Any]]  # what varies, by path into the spec
    trials: Mapped[list[Any]]  # {"job": its id, "values": what it has of the space, by path}, in order
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
