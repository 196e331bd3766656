"""The tables of projects, and of what they have beside jobs. `access/`, `webhooks/` and `jobs/` write them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import DEFAULT_PROJECT, JOB_ID, PROJECT_ID, Base
from models.columns import DatabaseNow


class Project(Base):
    """A tenant: whoever has a key of one project sees nothing of another. A quota that is None has no bound."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(PROJECT_ID, primary_key=True)
    max_running_jobs: Mapped[int | None]
    max_queued_jobs: Mapped[int | None]
    max_storage_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_device_hours: Mapped[float | None]  # within a calendar month, in UTC
    retention: Mapped[dict[str, Any] | None]  # jobs.retention.RetentionRules; None: nothing is removed by itself
    storage_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of all its files, but for `usage_entries`
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class UsageEntry(Base):
    """A change in what a project uses, not yet added to its sums in `projects` and `device_use`.

    Each change is a row of its own, so that attempts do not wait for each other at one row. The rows are added up now
    and then (jobs/usage.py).
    """

    __tablename__ = "usage_entries"
    __table_args__ = (Index(None, "project"),)

    # SQLite numbers rows by itself only where the key is an INTEGER.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    # No foreign key: its check would lock the project's row, if only against its deletion.
    project: Mapped[str] = mapped_column(PROJECT_ID)
    month: Mapped[str | None] = mapped_column(String(7))  # in which the devices were used, as in DeviceUse
    device_seconds: Mapped[float] = mapped_column(default=0.0)
    storage_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # less than 0 where storage was given back
    kind: Mapped[str | None] = mapped_column(String(16))  # of that storage, as in StorageUse; None: of jobs


class DeviceUse(Base):
    """Device time of a project's ended attempts in a month, also of jobs that are deleted. Rows of `usage_entries` come
    on top."""

    __tablename__ = "device_use"

    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # as 2026-11, in UTC
    device_seconds: Mapped[float]


class ApiKey(Base):
    """What lets a client in. Its secret is known to the client alone."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """A key that a client sent with a request, and the answer. Stored in the transaction that made the job."""

    __tablename__ = "idempotency_keys"

    project: Mapped[str] = mapped_column(
        PROJECT_ID, primary_key=True, default=DEFAULT_PROJECT, server_default=DEFAULT_PROJECT
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))  # SHA-256 of operation and body
    job_id: Mapped[str] = mapped_column(JOB_ID)
    answer: Mapped[str] = mapped_column(Text)  # the body, as it was sent
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow(), index=True)


class Webhook(Base):
    """An address that is to hear of a project's events."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    events: Mapped[list[str]]  # their types
    secret: Mapped[str] = mapped_column(String(100))  # not a hash: each message is signed with it
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())


class WebhookDelivery(Base):
    """One message to one webhook. Inserted in the transaction that made the event happen, and sent from this row."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "webhook_id", "id"),
        # What is to be sent, among the few that have not been.
        Index(
            "ix_webhook_deliveries_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
            sqlite_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(30), primary_key=True)  # the same in every attempt to send it
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    type: Mapped[str] = mapped_column(String(40))
    payload: Mapped[str] = mapped_column(Text)  # the body, as it is sent
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]  # None: it has arrived, or is given up
    delivered_at: Mapped[datetime | None]
    response_status: Mapped[int | None]  # of the last attempt
    error: Mapped[str | None] = mapped_column(Text)  # why the last attempt did not arrive
    created_at: Mapped[datetime] = mapped_column(default=DatabaseNow())
