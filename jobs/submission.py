"""What somebody submits: the spec that is trained, and what else a job is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from models import DEFAULT_MAX_RETRIES, DEFAULT_PRIORITY, Job
from training.spec import ResolvedSpec


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it is submitted. Its fields have the names of the request's body and of the columns of `Job`."""

    spec: ResolvedSpec
    name: str | None = None
    description: str | None = None
    tags: Sequence[str] = ()
    priority: int = DEFAULT_PRIORITY
    max_retries: int = DEFAULT_MAX_RETRIES
    repeats: int = 1  # jobs under seeds that follow each other
    accelerator: str | None = None  # "cpu", "gpu" or part of a device's name; None takes any device

    @classmethod
    def of(cls, job: Job) -> Self:
        """What `job` was submitted with, and what was changed of it since. A spec of a later release is an
        UnknownSpec."""
        stored = {field.name: getattr(job, field.name) for field in fields(cls)}
        return cls(**{**stored, "spec": ResolvedSpec.to_show(job.spec)})

    def beside_spec(self) -> dict[str, Any]:
        """Every field but the spec, as the job's row has it."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "spec"}
        return {**values, "tags": list(self.tags), "accelerator": self.accelerator and self.accelerator.lower()}
