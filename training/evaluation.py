"""A network's loss and accuracy on a split."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from training.data import Split
from training.metrics import Precision
from training.normalisation import Normalisation
from training.precision import autocast

BATCH_PIXELS = 500 * 32 * 32  # of one batch; bounds the memory that an evaluation takes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over a split. Accuracies are fractions in [0, 1]."""

    loss: float
    accuracy: float
    top5_accuracy: float | None  # None where there are five classes or fewer


@torch.inference_mode()
def evaluate(network: nn.Module, split: Split, normalise: Normalisation, precision: Precision) -> Evaluation:
    """Every image of `split` once, as it is; the network is left in evaluation mode. The host waits once."""
    network.eval()
    device = split.labels.device
    totals = torch.zeros(3, dtype=torch.float64, device=device)  # summed loss, correct, correct among five
    batch = max(1, BATCH_PIXELS // split.images[0, :, :, 0].numel())
    for first in range(0, len(split.labels), batch):
        images, labels = split.images[first : first + batch], split.labels[first : first + batch]
        with autocast(precision, device):
            logits = network(normalise(images)).float()
        five = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        loss = cross_entropy(logits, labels, reduction="none").double().sum()
        totals += torch.stack((loss, five[:, 0].sum().double(), five.sum().double()))
    loss, accuracy, top5 = (totals / len(split.labels)).tolist()
    return Evaluation(loss, accuracy, top5 if logits.shape[1] > 5 else None)
