"""Trained weights in files, and how a run starts from them.

A file is safetensors: the weights under their names within the network, and as metadata under `epochal` a JSON whose
`content` is what a user of theirs must know: architecture, classes, size and channels of images, mean and deviation of
pixels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from training.engine.checkpoints import CheckpointInvalid, pack_tensors, unpack_tensors
from training.engine.conflicts import SpecConflict
from training.engine.data import Dataset
from training.engine.normalisation import Normalisation
from training.spec import Architecture, ResolvedSpec

WEIGHTS_DIR = Path("data/weights")  # in a notebook: of the folder it is in
CLASSIFIER = "head.linear."  # the layer that depends on the classes

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a network takes in and what its outputs mean. Without it, its weights are of no use."""

    classes: Sequence[str]
    image_size: int
    channels: int
    mean: Sequence[float]  # of each channel, in pixel values of 0 to 255
    deviation: Sequence[float]

    @classmethod
    def of(cls, dataset: Dataset, normalise: Normalisation) -> Self:
        """Of a network that is trained on `dataset`."""
        mean, deviation = normalise.mean.tolist(), normalise.deviation.tolist()
        return cls(dataset.classes, dataset.image_size, dataset.channels, mean, deviation)


def pack_weights(weights: Mapping[str, Tensor], spec: ResolvedSpec, inputs: Inputs) -> bytes:
    """A file's content, of `weights`, by name. Equal weights give equal bytes: nothing in it is of a time or place."""
    about = {
        "architecture": spec.architecture.model_dump(mode="json"),
        "dataset": spec.dataset,
        **asdict(inputs),
    }
    on_host = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    return pack_tensors(on_host, json.dumps(about))


def weights_of_state(state: Mapping[str, Any]) -> bytes | None:
    """What a trainer that had loaded `state` would pack: needs neither its data nor its device. None of a state of a
    release before 0.3, which does not say what its network takes in."""
    if "inputs" not in state:
        return None
    average = state["average"]
    averaged = average is not None and average.get("averaged", 1) > 0
    weights = state["best_weights"] or (average["network"] if averaged else state["network"])
    return pack_weights(weights, ResolvedSpec.from_stored(state["spec"]), Inputs(**state["inputs"]))


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
