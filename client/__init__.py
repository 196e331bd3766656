"""The Epochal SDK: submit training jobs, read every epoch's loss and accuracy back.

    from client import Client

    with Client("http://127.0.0.1:8000") as epochal:
        job = epochal.submit({"dataset": "digits", "architecture": "resnet20"})
        print(epochal.wait(job.id).best)

`python -m client.watch ADDRESS JOB` shows a job in the terminal. Nothing here needs the server's packages.
"""

from client.api import Client
from client.errors import EpochalError, EpochalUnreachable
from client.records import (
    Attempt,
    BestEpoch,
    Checkpoint,
    EpochRow,
    Failure,
    Job,
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

__all__ = [
    "Attempt",
    "BestEpoch",
    "Checkpoint",
    "Client",
    "EpochRow",
    "EpochalError",
    "EpochalUnreachable",
    "Failure",
    "Job",
    "Progress",
    "QueuePlace",
    "QueuedJob",
    "RunFacts",
    "StepChoice",
    "StepRow",
    "StepTiming",
    "Weights",
    "Worker",
]
