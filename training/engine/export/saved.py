"""A network as its weights file describes it."""

import json
from dataclasses import dataclass, fields

import torch
from pydantic import TypeAdapter
from torch import nn

from training.engine.checkpoints import CheckpointInvalid, unpack_tensors
from training.engine.networks import build_network
from training.engine.normalisation import Normalisation
from training.engine.weights import Inputs
from training.plan import count_flops, network_plan
from training.spec import Architecture

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@dataclass(frozen=True, eq=False, slots=True)
class SavedNetwork:
    """`network`, in evaluation mode on the CPU, takes what `normalise` makes of images uint8 [B, size, size, channels],
    and gives logits [B, classes]. `flops`: its multiply-adds an image."""

    network: nn.Module
    flops: int
    inputs: Inputs
    normalise: Normalisation


def read_saved(content: bytes, source: str = "the content") -> SavedNetwork:
    """The network whose weights file (`training.engine.weights`) has this content. Raises CheckpointInvalid, whose
    message names `source`, where it is none, is damaged, or does not hold the weights that it says."""
    weights, plain = unpack_tensors(content, source)
    try:
        about = json.loads(plain)
        architecture = _ARCHITECTURE.validate_python(about["architecture"])
        inputs = Inputs(**{field.name: about[field.name] for field in fields(Inputs)})
        plan = network_plan(architecture, inputs.image_size, inputs.channels, len(inputs.classes))
        with torch.random.fork_rng(devices=[]):
            network = build_network(plan)
        network.load_state_dict(weights)
        mean, deviation = (torch.tensor(each, dtype=torch.float32) for each in (inputs.mean, inputs.deviation))
        if not len(mean) == len(deviation) == inputs.channels:
            raise ValueError("mean and deviation are not of its channels")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # torch raises the last one for other shapes
        raise CheckpointInvalid(f"{source} does not hold weights of ours: {error}") from error
    network.eval().requires_grad_(requires_grad=False)
    return SavedNetwork(network, count_flops(plan), inputs, Normalisation(mean, deviation))
