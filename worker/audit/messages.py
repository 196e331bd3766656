"""What a worker and an audit tell each other: JSON, one message a line, as in `worker.validation.messages`."""

from typing import Any, Literal

from storage import StoredFile
from worker.validation.messages import Message


class AuditOrder(Message):
    """What an audit is to judge."""

    task_id: str
    storage_url: str
    storage_id: str | None
    index: StoredFile  # of the version
    features: StoredFile
    predictions: tuple[StoredFile, ...]  # of each job, by the part that it held out


class Judged(Message):
    """All labels are judged. The last message."""

    kind: Literal["judged"] = "judged"
    summary: dict[str, Any]  # worker.audit.judging.Summary
    suspects: list[dict[str, Any]]  # worker.audit.judging.Suspect, the most suspicious first
