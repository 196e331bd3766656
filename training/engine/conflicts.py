"""Whether a spec fits its data and its device, which are known only where it is trained."""

import torch

from training.engine.data import Dataset, DatasetInvalid, split_off
from training.engine.team import Team
from training.spec import DataShape, ResolvedSpec


class SpecConflict(ValueError):
    """The spec does not fit its data or its device. `path` is the field's place within the spec."""

    def __init__(self, path: tuple[str | int, ...], reason: str) -> None:
        super().__init__(reason)
        self.path = path


def require_fit(
    spec: ResolvedSpec, dataset: Dataset, device: torch.device, team: Team, *, already_accepted: bool = False
) -> None:
    """Raises SpecConflict where `spec` cannot be trained on `dataset`, on `device` or by `team`, and DatasetInvalid
    where the processes of `team` have different data.

    `already_accepted`: the spec was checked against this data when the run began. It is not checked again, since a rule
    that is newer than the run must not end it.
    """
    if spec.dataset != dataset.name:
        raise SpecConflict(("dataset",), f"{spec.dataset} is asked for, and this is {dataset.name}")
    if spec.image_size not in (None, dataset.image_size):
        reason = f"{spec.image_size} is asked for, and the images are {dataset.image_size} pixels a side: load them so"
        raise SpecConflict(("image_size",), reason)
    if not already_accepted:
        _require_data_rules(spec, dataset)
    if spec.precision == "fp16" and device.type != "cuda":
        raise SpecConflict(("precision",), f"fp16 needs a CUDA device, and this is {device.type}: take bf16 or fp32")
    if spec.devices != team.size:
        raise SpecConflict(("devices",), f"{spec.devices} are asked for, and {team.size} train")
    if not team.is_same_everywhere(dataset.identity, device):
        raise DatasetInvalid(
            f"The processes that train together have loaded different images: {dataset.name} changed meanwhile.",
            "Start them again once nobody writes to it.",
        )


def _require_data_rules(spec: ResolvedSpec, dataset: Dataset) -> None:
    shape = DataShape(
        train_images=len(dataset.train.labels),
        test_images=len(dataset.test.labels),
        classes=len(dataset.classes),
        image_size=dataset.image_size,
        channels=dataset.channels,
    )
    for path, _value, reason in spec.conflicts_with(shape):
        raise SpecConflict(path, reason)
    _require_every_class(spec, dataset)


def _require_every_class(spec: ResolvedSpec, dataset: Dataset) -> None:
    """A class whose few images all went to validation could not be learned."""
    if not spec.validation_fraction:
        return  # a class that is in one fold alone is not learned there, and the others hold out what can be judged
    labels = dataset.train.labels
    rows, _ = split_off(labels, spec.validation_fraction, spec.seed)
    before, left = (torch.bincount(each, minlength=len(dataset.classes)) for each in (labels, labels[rows]))
    if emptied := ((before > 0) & (left == 0)).nonzero().flatten().tolist():
        name = dataset.classes[emptied[0]]
        raise SpecConflict(
            ("validation_fraction",), f"leaves class {name!r} no image to train on: take a smaller one, or 0"
        )
