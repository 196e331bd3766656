"""How a run starts from the weights of another one: what is taken, what begins anew, what is frozen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from training.engine.checkpoints import CheckpointInvalid, unpack_tensors
from training.engine.conflicts import SpecConflict
from training.engine.frozen import CLASSIFIER, freeze
from training.engine.networks import build_network
from training.plan import NetworkPlan
from training.spec import Architecture, ResNet, ResNext, ResolvedSpec
from training.spec.given_weights import misfit

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@dataclass(frozen=True, slots=True)
class GivenWeights:
    """Weights in a file, by name, and the network that they are of."""

    weights: Mapping[str, Tensor]
    architecture: Architecture
    image_size: int
    classes: Sequence[str]


@dataclass(frozen=True, slots=True)
class StartingNetwork:
    """A network to begin with, and the shares of the learning rate of its parameters, by name, where it is not 1."""

    network: nn.Module
    learning_rate_factors: Mapping[str, float] = field(default_factory=dict)


def read_starting_weights(
    spec: ResolvedSpec, weights_dir: Path, image_size: int
) -> tuple[ResolvedSpec, GivenWeights | None]:
    """The weights in `weights_dir` that `spec` names, None where it names none; and `spec` with the stem that they
    have in place of `auto`, where `auto` would take another one at `image_size`.

    Raises SpecConflict where there is no such file, it does not hold weights of ours, or those of another network."""
    if not spec.starting_weights:
        return spec, None
    given = _read(spec, weights_dir / f"{spec.starting_weights}.safetensors")
    return _with_stem_of(given, spec, image_size), given


def _read(spec: ResolvedSpec, path: Path) -> GivenWeights:
    try:
        weights, about = unpack_tensors(path.read_bytes(), path.name)
        found = json.loads(about)
        architecture = _ARCHITECTURE.validate_python(found["architecture"])
        return GivenWeights(weights, architecture, int(found["image_size"]), tuple(found["classes"]))
    except FileNotFoundError as error:
        raise _conflict(spec, "has no trained weights here: name one that has, or leave it out") from error
    except (CheckpointInvalid, KeyError, TypeError, ValueError) as error:
        raise _conflict(spec, "cannot be used: its file does not hold weights of ours, or is damaged") from error


def _with_stem_of(given: GivenWeights, spec: ResolvedSpec, image_size: int) -> ResolvedSpec:
    asked, trained = spec.architecture, given.architecture
    if reason := misfit(asked, trained, given.image_size):
        raise _conflict(spec, reason)
    if not (isinstance(asked, ResNet | ResNext) and isinstance(trained, ResNet | ResNext)):
        return spec
    theirs = trained.stem_for(given.image_size)
    if asked.stem_for(image_size) == theirs:
        return spec
    return spec.model_copy(update={"architecture": asked.model_copy(update={"stem": theirs})})


def starting_network(
    plan: NetworkPlan, spec: ResolvedSpec, given: GivenWeights | None, classes: Sequence[str]
) -> StartingNetwork:
    """The network of `plan` on the CPU, so that its random weights are the same whatever device trains it. With the
    `given` weights, if any, and frozen as `spec` says. The last layer is new where `classes` are others than the given
    weights', by name. Raises SpecConflict where the weights do not fit."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = build_network(plan)
    if given is None:
        return StartingNetwork(network)
    wanted = network.state_dict()
    keeps_head = list(classes) == list(given.classes) and all(
        _fits(name, given, wanted) for name in wanted if name.startswith(CLASSIFIER)
    )
    taken = [name for name in wanted if keeps_head or not name.startswith(CLASSIFIER)]
    if odd := [name for name in taken if not _fits(name, given, wanted)]:
        raise _conflict(spec, f"does not fit: {odd[0]} has another shape, as for images of other channels")
    with torch.no_grad():
        for name in taken:
            wanted[name].copy_(given.weights[name])
    freeze(network, spec.freeze)
    return StartingNetwork(network, dict.fromkeys(taken, spec.starting_weights_learning_rate_factor))


def _fits(name: str, given: GivenWeights, wanted: Mapping[str, Tensor]) -> bool:
    return name in given.weights and given.weights[name].shape == wanted[name].shape


def _conflict(spec: ResolvedSpec, reason: str) -> SpecConflict:
    return SpecConflict(("starting_weights",), f"{spec.starting_weights} {reason}")
