"""Suggestions for unknown fields: those that other libraries name differently, or that belong elsewhere in the body."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from pydantic import BaseModel

from api.http.validation import nested_schemas
from api.schemas.jobs import Job

Path = tuple[str, ...]

# By the path of a field: its names in other libraries.
ALIASES: Mapping[str, Sequence[str]] = {
    "name": ("title", "job_name", "run_name", "experiment_name"),
    "description": ("notes", "comment"),
    "tags": ("labels", "tag"),
    "max_retries": ("retries",),
    "accelerator": ("device", "device_type", "gpu_type", "instance_type"),
    "spec": ("config", "hyperparameters", "hparams", "params", "args"),
    "spec.dataset": ("data", "data_set", "training_file", "train_data"),
    "spec.image_size": ("imgsz", "img_size", "input_size", "resolution", "size"),
    "spec.validation_fraction": ("val_split", "validation_split", "val_fraction", "test_size"),
    "spec.architecture": ("model", "arch", "network", "net", "backbone"),
    "spec.starting_weights": ("pretrained", "weights", "init_from", "finetune_from", "resume_from"),
    "spec.freeze": ("freeze_backbone", "freeze_layers", "frozen", "trainable"),
    "spec.starting_weights_learning_rate_factor": ("backbone_lr_factor", "backbone_lr_mult", "lr_mult", "encoder_lr"),
    "spec.epochs": ("epoch", "n_epochs", "num_epochs", "nb_epochs", "max_epochs", "num_train_epochs"),
    "spec.batch_size": ("bs", "batch", "batchsize", "train_batch_size", "per_device_train_batch_size"),
    "spec.micro_batch_size": ("micro_batch", "accumulation", "gradient_accumulation_steps"),
    "spec.optimizer": ("optim", "optimiser", "opt"),
    "spec.optimizer.learning_rate": ("lr", "lr0", "base_lr", "initial_lr", "learning_rate", "learning_rate_init"),
    "spec.optimizer.weight_decay": ("wd", "l2", "weightdecay", "decay"),
    "spec.optimizer.betas": ("beta", "beta1", "beta2", "adam_beta1", "adam_beta2"),
    "spec.optimizer.epsilon": ("eps", "adam_epsilon"),
    "spec.schedule": ("scheduler", "lr_scheduler", "lr_schedule", "lr_scheduler_type"),
    "spec.schedule.warmup_epochs": ("warmup", "warmup_steps", "warmup_ratio"),
    "spec.schedule.milestones": ("lr_steps", "steps"),
    "spec.augmentation": ("augment", "augmentations", "transforms", "aug"),
    "spec.augmentation.flip": ("horizontal_flip", "hflip", "fliplr", "random_flip"),
    "spec.regularisation": ("regularization",),
    "spec.regularisation.gradient_clipping": ("clip", "grad_clip", "clip_grad", "max_grad_norm"),
    "spec.regularisation.early_stopping.patience": ("early_stop", "early_stopping_patience", "patience"),
    "spec.schedule.patience": ("patience", "lr_patience"),
    "spec.precision": ("amp", "fp16", "bf16", "mixed_precision", "dtype"),
    "spec.devices": ("gpus", "gpu", "num_gpus", "n_gpus", "n_gpu", "world_size"),
    "spec.evaluation_interval": ("eval_interval", "val_interval", "eval_every"),
    "spec.logging_interval": ("log_interval", "logging_steps", "log_every"),
    "spec.time_limit_minutes": ("timeout", "max_time", "time_limit", "max_runtime"),
    "spec.seed": ("random_seed", "random_state", "manual_seed"),
}

_VERBS = {
    "cancelled": "cancel",
    "canceled": "cancel",
    "stopped": "stop",
    "paused": "pause",
    "running": "resume",
    "queued": "resume",
}


def suggest_for_submission(submission: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """Where the unknown field at `path` belongs in a `submission`; None without a suggestion."""
    *parents, name = map(str, path)
    parent = tuple(parents)
    if not parent and name in Job.model_fields and name not in _index(submission):
        return "the service sets it"
    places = [place for place in _places_of(submission, name) if place != (*parent, name)]
    return " or ".join(_directions(place, parent, name) for place in places) or None


def suggest_for_change(
    submission: type[BaseModel], change: type[BaseModel], path: Sequence[str | int], value: object
) -> str | None:
    """What to do instead of setting the unknown field at `path` of a `change` to `value`; None unless a `submission` or
    a job has such a field."""
    name = str(path[-1])
    if name in ("status", "requested", "state"):
        verb = _VERBS.get(value.lower()) if isinstance(value, str) else None
        verbs = [verb] if verb else ["cancel", "stop", "pause", "resume"]
        return "ask for it with " + " or ".join(f"POST /v1/jobs/{{job_id}}/{verb}" for verb in verbs)
    for place in _places_of(submission, name):
        if place[0] in change.model_fields:
            return f"write {place[0]}"
        return "what a job trains stays: POST /v1/jobs/{job_id}/rerun makes a new job with that changed"
    return "the service sets it" if name in Job.model_fields else None


def _directions(place: Path, parent: Path, name: str) -> str:
    if place[: len(parent)] == parent:
        written, owner = ".".join(place[len(parent) :]), ".".join(place[len(parent) : -1])
    else:
        written, owner = ".".join(place), ".".join(place[:-1]) or "the body, beside spec"
    return f"it belongs in {owner}: write {written}" if place[-1] == name and owner else f"write {written}"


def _places_of(submission: type[BaseModel], name: str) -> Sequence[Path]:
    """The paths of the fields that `name` is an alias of, or else of those named so: only the outermost ones."""
    asked = name.lower().replace("-", "_")
    aliased = [tuple(place.split(".")) for place, names in ALIASES.items() if asked in names]
    if aliased:
        return aliased
    places = sorted(_index(submission).get(asked, ()), key=len)
    return [place for place in places if len(place) == len(places[0])]


@cache
def _index(submission: type[BaseModel]) -> Mapping[str, Sequence[Path]]:
    """The paths of all fields of a submission, by name."""
    found: dict[str, list[Path]] = {}
    for path in dict.fromkeys(_fields(submission, ())):
        found.setdefault(path[-1], []).append(path)
    return found


def _fields(part: type[BaseModel], path: Path) -> Iterator[Path]:
    for name, field in part.model_fields.items():
        yield (*path, name)
        for inner in nested_schemas(field.annotation):
            yield from _fields(inner, (*path, name))
