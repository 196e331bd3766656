"""The Epochal SDK: submit training jobs, read every epoch's loss and accuracy back.

    from client import Client

    with Client("http://127.0.0.1:8000") as epochal:
        job = epochal.submit({"dataset": "digits", "architecture": "resnet20"})
        print(epochal.wait(job.id).best)

EPOCHAL_URL and EPOCHAL_API_KEY may also hold the address and the API key. `python -m client.watch ADDRESS JOB` shows a
job in the terminal. This package does not need the server's packages, and `client.check` only those of its own extra.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.api import Client
    from client.comparison import (
        ComparedJob,
        Comparison,
        Curves,
        Difference,
        RepeatedJob,
        Repeats,
        Spread,
        Spreads,
        Verdict,
    )
    from client.datasets import DatasetError, DatasetProgress, DatasetVersion, Upload
    from client.diagnosis import Diagnosis, Finding, Forecast, Suggestion
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
    "Diagnosis",
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
    "Finding",
    "Forecast",
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
    "RepeatedJob",
    "Repeats",
    "RunFacts",
    "Span",
    "SpecConflict",
    "Spread",
    "Spreads",
    "StepChoice",
    "StepRow",
    "StepTiming",
    "Suggestion",
    "Upload",
    "Usage",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
    "WebhookWithSecret",
    "Weights",
    "Worker",
]

_NAMES_BY_MODULE = {
    "client.api": ["Client"],
    "client.comparison": [
        "ComparedJob",
        "Comparison",
        "Curves",
        "Difference",
        "RepeatedJob",
        "Repeats",
        "Spread",
        "Spreads",
        "Verdict",
    ],
    "client.datasets": ["DatasetError", "DatasetProgress", "DatasetVersion", "Upload"],
    "client.diagnosis": ["Diagnosis", "Finding", "Forecast", "Suggestion"],
    "client.errors": [
        "EpochalError",
        "EpochalForbidden",
        "EpochalKeyRefused",
        "EpochalNoStream",
        "EpochalTooManyRequests",
        "EpochalUnreachable",
    ],
    "client.estimates": [
        "DataShape",
        "DeviceEstimate",
        "DryRun",
        "MemoryEstimate",
        "MemoryParts",
        "Pace",
        "Span",
        "SpecConflict",
    ],
    "client.keys": ["Key", "NewKey"],
    "client.projects": ["Project", "Usage"],
    "client.resources": [
        "Attempt",
        "BestEpoch",
        "Checkpoint",
        "EpochRow",
        "Event",
        "Failure",
        "Job",
        "JobDataset",
        "Predictions",
        "Progress",
        "QueuedJob",
        "QueuePlace",
        "RunFacts",
        "StepChoice",
        "StepRow",
        "StepTiming",
        "Weights",
        "Worker",
    ],
    "client.webhooks": ["Webhook", "WebhookDelivery", "WebhookWithSecret"],
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # to which these would say that the package has names of every kind

    def __getattr__(name: str) -> Any:
        """Loads a name when it is asked for: `client.check` runs where the packages of the others are not installed."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)

    def __dir__() -> list[str]:
        return __all__
