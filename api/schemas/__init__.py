"""What comes back. Times are RFC 3339 in UTC, accuracies fractions in [0, 1], losses cross-entropy in nats."""

from api.schemas.catalogue import (
    Architecture,
    Dataset,
    NetworkSize,
    Recipe,
)
from api.schemas.jobs import (
    Attempt,
    BestEpoch,
    Checkpoint,
    EpochRow,
    Event,
    Job,
    JobError,
    JobLinks,
    Progress,
    QueuePlace,
    StepRow,
    Weights,
)
from api.schemas.service import (
    InvalidPart,
    Live,
    Problem,
    ProblemKind,
    QueuedJob,
    Ready,
    Worker,
)
from api.schemas.wire import (
    Item,
    Page,
    Wire,
)

__all__ = [
    "Architecture",
    "Attempt",
    "BestEpoch",
    "Checkpoint",
    "Dataset",
    "EpochRow",
    "Event",
    "InvalidPart",
    "Item",
    "Job",
    "JobError",
    "JobLinks",
    "Live",
    "NetworkSize",
    "Page",
    "Problem",
    "ProblemKind",
    "Progress",
    "QueuePlace",
    "QueuedJob",
    "Ready",
    "Recipe",
    "StepRow",
    "Weights",
    "Wire",
    "Worker",
]
