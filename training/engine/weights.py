"""Trained weights in files.

A file has the safetensors format. It holds the weights by their names in the network. Its metadata has one entry,
`epochal`, a JSON object whose `content` says what using the weights takes: architecture, classes, image size and
channels, mean and standard deviation of the pixels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from training.engine.checkpoints import pack_tensors
from training.engine.data import Dataset
from training.engine.normalisation import Normalisation
from training.spec import ResolvedSpec

WEIGHTS_DIR = Path("data/weights")  # in a notebook: of the folder it is in


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
    spec = ResolvedSpec.from_stored(state["spec"])
    best = state["best_weights"] if spec.regularisation.early_stopping else None
    weights = best or (average["network"] if averaged else state["network"])
    return pack_weights(weights, spec, Inputs(**state["inputs"]))
