"""The Epochal SDK: submit training jobs, read every epoch's loss and accuracy back.

    from client import Client

    with Client("http://127.0.0.1:8000") as epochal:
        job = epochal.submit({"dataset": "digits", "architecture": "resnet20"})
        print(epochal.wait(job.id).best)

EPOCHAL_URL and EPOCHAL_API_KEY may also hold the address and the API key. `python -m client.watch ADDRESS JOB` shows a
job in the terminal. This package does not need the server's packages.
"""

from client.api import Client
from client.comparison import ComparedJob, Comparison, Curves, Difference
from client.datasets import DatasetError, DatasetProgress, DatasetVersion, Upload
from client.errors import (
    EpochalError,
    EpochalForbidden,
    EpochalKeyRefused,
    EpochalNoStream,
    EpochalTooManyRequests,
    EpochalUnreachable,
)
from client.estimates import (
    DataShape,
    DeviceEstimate,
    DryRun,
    MemoryEstimate,
    MemoryParts,
    Pace,
    Span,
    SpecConflict,
)
from client.keys import Key, NewKey
from client.projects import Project, Usage
from client.resources import (
    Attempt,
    BestEpoch,
    Checkpoint,
    EpochRow,
    Event,
    Failure,
    Job,
    JobDataset,
    Predictions,
    Progress,
    QueuedJob,
    QueuePlace,
    RunFacts,
    StepChoice,
    StepRow,
    StepTiming,
    Weights,
    Worker,
)
from client.webhooks import Webhook, WebhookDelivery, WebhookWithSecret

__all__ = [
    "Attempt",
    "BestEpoch",
    "Checkpoint",
    "Client",
    "ComparedJob",
    "Comparison",
    "Curves",
    "DataShape",
    "DatasetError",
    "DatasetProgress",
    "DatasetVersion",
    "DeviceEstimate",
    "Difference",
    "DryRun",
    "EpochRow",
    "EpochalError",
    "EpochalForbidden",
    "EpochalKeyRefused",
    "EpochalNoStream",
    "EpochalTooManyRequests",
    "EpochalUnreachable",
    "Event",
    "Failure",
    "Job",
    "JobDataset",
    "Key",
    "MemoryEstimate",
    "MemoryParts",
    "NewKey",
    "Pace",
    "Predictions",
    "Progress",
    "Project",
    "QueuePlace",
    "QueuedJob",
    "RunFacts",
    "Span",
    "SpecConflict",
    "StepChoice",
    "StepRow",
    "StepTiming",
    "Upload",
    "Usage",
    "Webhook",
    "WebhookDelivery",
    "WebhookWithSecret",
    "Weights",
    "Worker",
]
