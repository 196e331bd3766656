"""What the database holds.

"Model" in this code base always means a database model: a row of one of these tables. A neural network is a
*network*, and its choice in a spec is the *architecture*.
"""

from models.database import OUTAGES, Database
from models.status import ACTIVE, TERMINAL, TRANSITIONS, JobStatus, Request
from models.tables import (
    MAX_RETRIES,
    PRIORITY,
    Attempt,
    Base,
    Checkpoint,
    Epoch,
    Event,
    IdempotencyKey,
    Job,
    Step,
    Worker,
)

__all__ = [
    "ACTIVE",
    "MAX_RETRIES",
    "OUTAGES",
    "PRIORITY",
    "TERMINAL",
    "TRANSITIONS",
    "Attempt",
    "Base",
    "Checkpoint",
    "Database",
    "Epoch",
    "Event",
    "IdempotencyKey",
    "Job",
    "JobStatus",
    "Request",
    "Step",
    "Worker",
]
