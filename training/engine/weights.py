"""Trained weights in files, and how a run starts from them.

A file has the safetensors format. It holds the weights by their names in the network. Its metadata has one entry,
`epochal`, a JSON object whose `content` says what using the weights takes: architecture, classes, image size and
channels, mean and standard deviation of the pixels.
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
from training.engine.networks import build_network
from training.engine.normalisation import Normalisation
from training.plan import NetworkPlan
from training.spec import Architecture, ResolvedSpec

WEIGHTS_DIR = Path("data/weights")  # in a notebook: of the folder it is in
CLASSIFIER = "head.linear."  # the layer that depends on the classes

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs that a network expects, and the classes that its outputs stand for."""

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
    """`weights`, by name, as the content of a file. Equal weights give equal bytes: no time and no path is in it."""
    about = {
        "architecture": spec.architecture.model_dump(mode="json"),
        "dataset": spec.dataset,
        **asdict(inputs),
    }
    on_host = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    return pack_tensors(on_host, json.dumps(about))


def weights_of_state(state: Mapping[str, Any]) -> bytes | None:
    """The content of a weights file, from a checkpoint's `state`, without loading its data or using its device. None
    for a state of a release before 0.3, which has no `inputs`."""
    if "inputs" not in state:
        return None
    average = state["average"]
    averaged = average is not None and average.get("averaged", 1) > 0
    weights = state["best_weights"] or (average["network"] if averaged else state["network"])
    return pack_weights(weights, ResolvedSpec.from_stored(state["spec"]), Inputs(**state["inputs"]))


def starting_network(plan: NetworkPlan, spec: ResolvedSpec, weights_dir: Path) -> nn.Module:
    """The network of `plan` on the CPU, so that its random weights are the same whatever device trains it. With the
    weights in `weights_dir` that `spec` names, if any. Raises SpecConflict where they cannot be used."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = build_network(plan)
    if spec.starting_weights:
        load_starting_weights(weights_dir / f"{spec.starting_weights}.safetensors", network, spec)
    return network


def load_starting_weights(path: Path, network: nn.Module, spec: ResolvedSpec) -> None:
    """Copy the weights in `path` into `network`. The last layer is left out where the number of classes differs.

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
