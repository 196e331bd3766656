"""The Epochal SDK: submit training jobs, read every epoch's loss and accuracy back.

    from old_client import Client

    with Client("http://127.0.0.1:8000") as epochal:
        job = epochal.submit({"dataset": "digits", "architecture": "resnet20"})
        print(epochal.wait(job.id).best)

EPOCHAL_URL and EPOCHAL_API_KEY may also hold the address and the API key. This package does not need the server's
packages, and `old_client.check` only those of its own extra.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from old_client.api import Client
    from old_client.comparison import (
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
    from old_client.datasets import DatasetError, DatasetProgress, DatasetVersion, Upload
    from old_client.diagnosis import Diagnosis, Finding, Forecast, Suggestion
    from old_client.errors import (
        EpochalError,
        EpochalForbidden,
        EpochalKeyRefused,
        EpochalNoStream,
        EpochalTooManyRequests,
        EpochalUnreachable,
    )
    from old_client.estimates import (
        DataShape,
        DeviceEstimate,
        DryRun,
        MemoryEstimate,
        MemoryParts,
        Pace,
        Span,
        SpecConflict,
    )
    from old_client.keys import Key, NewKey
    from old_client.projects import Project, Usage
    from old_client.resources import (
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
    from old_client.webhooks import Webhook, WebhookDelivery, WebhookWithSecret

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
    "old_client.api": ["Client"],
    "old_client.comparison": [
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
    "old_client.datasets": ["DatasetError", "DatasetProgress", "DatasetVersion", "Upload"],
    "old_client.diagnosis": ["Diagnosis", "Finding", "Forecast", "Suggestion"],
    "old_client.errors": [
        "EpochalError",
        "EpochalForbidden",
        "EpochalKeyRefused",
        "EpochalNoStream",
        "EpochalTooManyRequests",
        "EpochalUnreachable",
    ],
    "old_client.estimates": [
        "DataShape",
        "DeviceEstimate",
        "DryRun",
        "MemoryEstimate",
        "MemoryParts",
        "Pace",
        "Span",
        "SpecConflict",
    ],
    "old_client.keys": ["Key", "NewKey"],
    "old_client.projects": ["Project", "Usage"],
    "old_client.resources": [
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
    "old_client.webhooks": ["Webhook", "WebhookDelivery", "WebhookWithSecret"],
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
