"""Runs a trained network over a split of a data set, and gathers what it makes of the images.

The images reach the network as in training: the same decoding, resizing and normalisation, and the same evaluation. It
runs on the CPU: accelerators are for training.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.engine.data import Dataset, make_feed
from training.engine.evaluation import EvaluationData
from training.engine.export import SavedNetwork
from training.evaluation import Judged, Outcomes
from training.evaluation.calibration import evenly
from training.evaluation.outcomes import Labels, Probabilities
from training.evaluation.same_classes import difference
from training.images.predictions import MOST_BYTES
from training.names import in_one_form

CPU = torch.device("cpu")


class OtherData(ValueError):
    """The images are none that the network can be evaluated on. The text says what differs."""


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """`judged.sample` are all images where `is_whole`."""

    judged: Judged
    is_whole: bool


def measure(saved: SavedNetwork, dataset: Dataset, split: str, said: Callable[[int, int], object]) -> Measured:
    """`said` is told how many of how many images are done. Raises OtherData."""
    places = _places(saved, dataset)
    labels = places[dataset.splits[split].sample_labels.numpy()]
    count, classes = len(labels), len(saved.inputs.classes)
    is_whole = 4 * count * classes <= MOST_BYTES
    sample = np.arange(count) if is_whole else evenly(count, classes)
    kept = np.empty((len(sample), classes), np.float32)
    parts = list[Outcomes]()
    for start, probabilities in _batches(saved, dataset, split):
        end = start + len(probabilities)
        parts.append(Outcomes.of(labels[start:end], probabilities))
        first, last = np.searchsorted(sample, (start, end)).tolist()
        kept[first:last] = probabilities[sample[first:last] - start]
        said(end, count)
    judged = Judged(
        classes=saved.inputs.classes,
        dataset_identity=dataset.identity,
        split=split,
        digests=dataset.sample_digests(split),
        outcomes=Outcomes.joined(parts),
        sample=sample,
        probabilities=kept,
        held_out=None,
    )
    return Measured(judged, is_whole)


def _batches(saved: SavedNetwork, dataset: Dataset, split: str) -> Iterator[tuple[int, Probabilities]]:
    """The probabilities of some images at a time, and the place of the first of them in the split."""
    feed = make_feed(dataset.splits[split], CPU, "auto")
    rows = torch.arange(len(dataset.splits[split].labels))
    data = EvaluationData(feed, rows, saved.normalise, len(saved.inputs.classes))
    with torch.inference_mode():
        for (start, _end), (logits, _labels) in zip(data.shares, data.batches(saved.network), strict=True):
            yield start, _softmax(logits)


def _softmax(logits: Tensor) -> Probabilities:
    found: NDArray[np.float32] = logits.softmax(1).numpy()
    return found


def _places(saved: SavedNetwork, dataset: Dataset) -> Labels:
    """Of each class of the data set, the output of the network that stands for it. Raises OtherData."""
    taken = saved.inputs
    if dataset.channels != taken.channels:
        kinds = {1: "grey images", 3: "images in colour"}
        raise OtherData(f"the data set has {kinds[dataset.channels]}, and the network takes {kinds[taken.channels]}")
    if reason := difference(taken.classes, dataset.classes):
        raise OtherData(reason)
    known = {in_one_form(name): place for place, name in enumerate(taken.classes)}
    return np.array([known[in_one_form(name)] for name in dataset.classes], np.int64)
