"""The manifest of a job."""

from api.schemas import manifests as schemas
from api.views import translate
from jobs.manifests import JobManifest
from jobs.metrics_table import COLUMNS
from jobs.queries import CheckpointWithEpoch
from training.spec import ResolvedSpec


def manifest(known: JobManifest) -> schemas.JobManifest:
    """Of what is known of a job."""
    told, job = known.provenance, known.job
    return schemas.JobManifest(
        complete=known.complete,
        job=schemas.ManifestJob.model_validate(job),
        data=told["data"],
        seed=told["seed"],
        spec=ResolvedSpec.to_show(told["spec"]),
        environment=told["environment"],
        attempts=[translate.attempt(each) for each in known.attempts],
        starting_weights=_starting_weights(known),
        model=known.model,
        files=[
            schemas.ModelFileOfJob(name=name, size_bytes=file.size_bytes, sha256=file.sha256)
            for name, file in known.files.items()
        ],
        checkpoints=[_checkpoint(each, job.best_epoch) for each in known.checkpoints],
        metrics=schemas.MetricsTable(columns=list(COLUMNS), rows=known.metrics.rows, sha256=known.metrics.sha256),
    )


def _starting_weights(known: JobManifest) -> schemas.StartingWeights | None:
    file = known.starting_weights
    if file is None:
        return None
    named = known.job.spec["starting_weights"]
    return schemas.StartingWeights(id=named, size_bytes=file.size_bytes, sha256=file.sha256)


def _checkpoint(record: CheckpointWithEpoch, best_epoch: int | None) -> schemas.ManifestCheckpoint:
    found = translate.checkpoint(record)
    ended = found.epoch - 1 if found.step == 0 else None
    return schemas.ManifestCheckpoint(
        name=found.name,
        attempt=found.attempt,
        epoch=found.epoch,
        step=found.step,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        is_of_best_epoch=ended is not None and ended == best_epoch,
    )
