"""What it takes to get a job's result again."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from api.schemas.base import ResponseSchema, published_as
from api.schemas.jobs import Attempt, JobDataset
from jobs.manifests import FORMAT
from models import JobStatus
from training.metrics import RunFacts
from training.spec import ResolvedSpec


class ManifestJob(ResponseSchema):
    """Which job this is of."""

    id: str
    name: str | None
    status: JobStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ManifestFile(ResponseSchema):
    """A stored file."""

    size_bytes: int
    sha256: str = Field(description="Hash of the file, in hexadecimal digits.")


class StartingWeights(ManifestFile):
    """The weights that a job has begun from, or will begin from."""

    id: str = Field(description="Of the trained model, or of the job, whose weights they are.")


class ModelFileOfJob(ManifestFile):
    """A file of the trained model that a job has left."""

    name: str = Field(description="`weights.safetensors`, `best.safetensors` or `predictions.safetensors`.")


class ManifestCheckpoint(ManifestFile):
    """A checkpoint that is kept."""

    name: str = Field(description="As `GET /v1/jobs/{job_id}/checkpoints` has it.")
    attempt: int = Field(description="The attempt that wrote it.")
    epoch: int = Field(description="The epoch of the next step, from 0.")
    step: int = Field(description="The next step within that epoch, from 0.")
    is_of_best_epoch: bool = Field(description="It was taken at the end of the best epoch so far.")


class MetricsTable(ResponseSchema):
    """The metrics that are recorded, in a canonical form that docs/api.md defines."""

    columns: list[str] = Field(description="In the order of the table: what a run comes to, and no times.")
    rows: int = Field(description="One for each epoch.")
    sha256: str = Field(
        description="Of the canonical form. `curl …/metrics?format=csv&limit=10000 | tr -d '\\r' | cut -d, -f1-9 | "
        "sha256sum` prints the same."
    )


class JobManifest(ResponseSchema):
    """What it takes to get a job's result again, as far as it is known. Equal states of a job give equal manifests."""

    format: Annotated[str, published_as(Literal["epochal-job-manifest/1"])] = FORMAT
    complete: bool = Field(description="False until the job has ended: something may be added.")
    job: ManifestJob
    data: JobDataset
    seed: int | None
    spec: SerializeAsAny[ResolvedSpec] = Field(description="The spec with every default filled in.")
    environment: Annotated[RunFacts | None, BeforeValidator(RunFacts.from_stored)] = Field(
        description="Device, software and threads of the latest attempt that has begun to train, as its worker found "
        "them. Two jobs of one spec with `deterministic` and one data set end with the same weights, bit for bit, "
        "where their `fingerprint` is the same. Null before the first."
    )
    attempts: list[Attempt]
    starting_weights: StartingWeights | None = Field(
        description="The file that the spec's `starting_weights` name. What a job has begun from stays here after that "
        "is deleted. Null: they are random, or were gone before the job began."
    )
    model: str | None = Field(description="The trained model that the job has left, by its id.")
    files: list[ModelFileOfJob] = Field(description="Of that model: weights of the last epoch and of the best one.")
    checkpoints: list[ManifestCheckpoint]
    metrics: MetricsTable
