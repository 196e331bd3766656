"""What a supervisor and its trainer process tell each other, as JSON over a pipe."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from jobs.failures import FailureCode
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.spec import TrainingSpec


class Message(BaseModel):
    """Frozen; NaN and infinities travel as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Order(Message):
    """What a trainer process is to do."""

    job_id: str
    spec: TrainingSpec
    devices: tuple[str, ...]  # one for each process that trains, as torch names it: "cpu", "cuda:0"
    threads: int  # of intra-operation parallelism, of all these processes together
    datasets_dir: Path
    downloads_dir: Path
    cache_dir: Path  # decoded images, measured speeds, compiled code
    weights_dir: Path  # trained weights, by job


class Started(Message):
    """The data is loaded; the first step is next."""

    kind: Literal["started"] = "started"
    facts: RunFacts


class FactsFound(Message):
    """More is known than when it started, such as a faster way of computing a step."""

    kind: Literal["facts"] = "facts"
    facts: RunFacts


class StepDone(Message):
    """A step whose loss is recorded."""

    kind: Literal["step"] = "step"
    metrics: StepMetrics


class EpochDone(Message):
    """An epoch is trained, and evaluated where the spec asks for it."""

    kind: Literal["epoch"] = "epoch"
    metrics: EpochMetrics


class Succeeded(Message):
    """Every epoch is done, and the weights are saved. The last message."""

    kind: Literal["succeeded"] = "succeeded"
    stopped_early: bool  # epochs are left that would not have made it better


class Stopped(Message):
    """Stopped between two steps, as asked. The last message."""

    kind: Literal["stopped"] = "stopped"


class Failed(Message):
    """The job cannot go on. The last message."""

    kind: Literal["failed"] = "failed"
    code: FailureCode
    message: str
    hint: str
    retryable: bool


class Devices(Message):
    """What a worker's machine computes on; `names` is empty where there is no accelerator."""

    kind: Literal["devices"] = "devices"
    names: tuple[str, ...]
    torch_version: str


Report = Annotated[
    Started | FactsFound | StepDone | EpochDone | Succeeded | Stopped | Failed | Devices, Field(discriminator="kind")
]
REPORTS: TypeAdapter[Report] = TypeAdapter(Report)

STOP = b"stop"  # the one thing a supervisor says
