"""Whether an exported file gives what torch gives, and how often it is right."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray

from training.engine.export.saved import SavedNetwork
from training.engine.export.sessions import Images, Labels, batch_size, in_batches, open_session

# The largest difference between a logit of the file and torch's, as a share of the largest logit that torch gives to
# the images of the check. Both add up the same fp32 products in another order, so that they differ by some 1e-6.
TOLERANCE = 1e-4
Logits = NDArray[np.float32]  # [N, classes]
_FIRST_BATCHES = (1, 3)  # images; the rest goes in large batches, since any batch must do


class DiffersFromTorch(ValueError):
    """The file gives other logits than the network that it was made of, or none that can be compared."""


def check(onnx: bytes, saved: SavedNetwork, images: Images, *, threads: int = 1) -> float:
    """The largest difference between logits of `onnx` and of `saved` for `images`, uint8 [N, size, size, channels], as
    a share of torch's largest logit. Raises DiffersFromTorch where it is more than TOLERANCE, or where the means of the
    activation maps, plus the bias, are that far from the logits."""
    session = open_session(onnx, threads)
    bias = saved.network.get_parameter("head.linear.bias").numpy()

    def run(batch: Images) -> Sequence[Logits]:
        logits, maps = session.run(["logits", "activation_maps"], {"images": batch})
        return logits, maps.mean((2, 3)) + bias

    return _largest_difference(run, saved, images)


def check_program(program: bytes, saved: SavedNetwork, images: Images) -> float:
    """The same of a file as `torch_program` makes it."""
    module = torch.export.load(BytesIO(program)).module()

    def run(batch: Images) -> Sequence[Logits]:
        return (module(torch.from_numpy(batch)).numpy(),)

    with torch.inference_mode():
        return _largest_difference(run, saved, images)


def _largest_difference(run: Callable[[Images], Sequence[Logits]], saved: SavedNetwork, images: Images) -> float:
    largest = difference = 0.0
    for batch in _batches_of_any_size(images):
        expected = torch_logits(saved, batch)
        for found in run(batch):
            if not (np.isfinite(expected).all() and np.isfinite(found).all()):
                raise DiffersFromTorch("logits that are no finite numbers cannot be compared")
            difference = max(difference, float(np.abs(found - expected).max()))
        largest = max(largest, float(np.abs(expected).max()))
    share = difference / largest if largest else difference
    if share > TOLERANCE:
        allowed = f"{TOLERANCE:g} of it is allowed"
        raise DiffersFromTorch(f"a logit differs by {difference:.3g} where the largest is {largest:.3g}: {allowed}")
    return share


def accuracy(onnx: bytes, images: Images, labels: Labels, *, threads: int = 1) -> float:
    """The share of `images`, uint8 [N, size, size, channels], whose largest logit is that of their label, int64 [N]."""
    size = batch_size(images.shape[1])
    batches = ((images[start : start + size], labels[start : start + size]) for start in range(0, len(labels), size))
    return accuracies([onnx], batches, threads=threads).of[0]


@dataclass(frozen=True, slots=True)
class Accuracies:
    """`of` each file, over the same `images`."""

    of: Sequence[float]
    images: int


def accuracies(
    files: Sequence[bytes],
    batches: Iterable[tuple[Images, Labels]],
    *,
    threads: int = 1,
    seconds: float = math.inf,
) -> Accuracies:
    """How often each of `files` is right. No further batch is begun after `seconds`."""
    sessions = [open_session(each, threads) for each in files]
    until = time.monotonic() + seconds
    right, count = np.zeros(len(files), np.int64), 0
    for images, labels in batches:
        logits = [session.run(["logits"], {"images": images})[0] for session in sessions]
        right += [int((each.argmax(1) == labels).sum()) for each in logits]
        count += len(labels)
        if time.monotonic() >= until:
            break
    return Accuracies((right / count).tolist(), count)


@torch.inference_mode()
def torch_logits(saved: SavedNetwork, images: Images) -> NDArray[np.float32]:
    """What the network itself gives, float32 [N, classes]."""
    logits: NDArray[np.float32] = saved.network(saved.normalise(torch.from_numpy(images))).numpy()
    return logits


def _batches_of_any_size(images: Images) -> list[Images]:
    batches, start = list[Images](), 0
    for size in _FIRST_BATCHES:
        batches.append(images[start : start + size])
        start += size
    return [batch for batch in (*batches, *in_batches(images[start:])) if len(batch)]
