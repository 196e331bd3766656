"""Trained weights in files, and how a run starts from them.

A file is safetensors: the weights under their names within the network, and as metadata under `epochal` a JSON whose
`content` is what a user of theirs must know: architecture, classes, size and channels of images, mean and deviation of
pixels.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from training.checkpoints import CheckpointInvalid, pack_tensors, unpack_tensors
from training.conflicts import SpecConflict
from training.data import Dataset
from training.normalisation import Normalisation
from training.spec import Architecture, ResolvedSpec

WEIGHTS_DIR = Path("data/weights")  # in a notebook: of the folder it is in
CLASSIFIER = "head.linear."  # the layer that depends on the classes

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


def pack_weights(
    weights: Mapping[str, Tensor], architecture: Architecture, dataset: Dataset, normalise: Normalisation
) -> bytes:
    """A file's content, of `weights`, by name. Equal weights give equal bytes: nothing in it is of a time or place."""
    about = {
        "architecture": architecture.model_dump(mode="json"),
        "dataset": dataset.name,
        "classes": dataset.classes,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "mean": normalise.mean.tolist(),  # of each channel, in pixel values of 0 to 255
        "deviation": normalise.deviation.tolist(),
    }
    on_host = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    return pack_tensors(on_host, json.dumps(about))


def start_from(path: Path, network: nn.Module, spec: ResolvedSpec) -> None:
    """Give `network` the weights in `path`, except its last layer where the classes are others in number.

    Raises SpecConflict where there is no such file, or it is of another architecture.
    """
    weights, trained = _read(path, spec)
    if trained != spec.architecture:
        raise _conflict(spec, f"is a {_described(trained)}, and the job asks for a {_described(spec.architecture)}")
    wanted = network.state_dict()
    kept = [name for name in wanted if not name.startswith(CLASSIFIER) or _fits(name, weights, wanted)]
    if odd := [name for name in kept if not _fits(name, weights, wanted)]:
        raise _conflict(
            spec,
            f"does not fit: {odd[0]} has another shape: images of other channels, or of a size that takes another stem",
        )
    with torch.no_grad():
        for name in kept:
            wanted[name].copy_(weights[name])


def _fits(name: str, weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    return name in weights and weights[name].shape == wanted[name].shape


def _read(path: Path, spec: ResolvedSpec) -> tuple[dict[str, Tensor], Architecture]:
    try:
        weights, about = unpack_tensors(path.read_bytes(), str(path))
        return weights, _ARCHITECTURE.validate_python(json.loads(about)["architecture"])
    except FileNotFoundError as error:
        raise _conflict(spec, f"has no trained weights here: {path} does not exist") from error
    except (CheckpointInvalid, KeyError, TypeError, ValueError) as error:
        raise _conflict(spec, f"cannot be used: {path} does not hold weights of ours, or is damaged") from error


def _described(architecture: Architecture) -> str:
    """Its name and whatever is not as by default."""
    changed = architecture.model_dump(exclude_defaults=True, exclude={"name"})
    return architecture.name + (f" with {json.dumps(changed)}" if changed else "")


def _conflict(spec: ResolvedSpec, reason: str) -> SpecConflict:
    return SpecConflict(("starting_weights",), f"{spec.starting_weights} {reason}")
