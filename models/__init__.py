"""What the database holds.

"Model" in this code base always means a database model: a row of one of these tables. A neural network is a
*network*, and its choice in a spec is the *architecture*.
"""

from models.database import OUTAGES, Database
from models.status import ACTIVE, TERMINAL, TRANSITIONS, JobStatus, Request
from models.tables import Attempt, Base, Epoch, Event, Job, Step, Worker

__all__ = [
    "ACTIVE",
    "OUTAGES",
    "TERMINAL",
    "TRANSITIONS",
    "Attempt",
    "Base",
    "Database",
    "Epoch",
    "Event",
    "Job",
    "JobStatus",
    "Request",
    "Step",
    "Worker",
]
