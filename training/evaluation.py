"""A network's loss and accuracy on a split."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from training.data import Feed
from training.metrics import Precision
from training.normalisation import Normalisation
from training.precision import autocast
from training.team import ALONE, Team

BATCH_PIXELS = 500 * 32 * 32  # of one batch; bounds the memory that an evaluation takes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over a split. Accuracies are fractions in [0, 1]."""

    loss: float
    accuracy: float
    top5_accuracy: float | None  # None where there are five classes or fewer
    confusion: Tensor  # int64 [classes, classes]: images of the row's class that were taken for the column's


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    feed: Feed,
    rows: Tensor,
    normalise: Normalisation,
    classes: int,
    *,
    precision: Precision = "fp32",
    team: Team = ALONE,
) -> Evaluation:
    """The images of `rows` (int64 [N], on the host) once, as they are; the network is left in evaluation mode.

    Each of a team's processes takes its share. The host waits once.
    """
    network.eval()
    device = normalise.mean.device
    totals = torch.zeros(3, dtype=torch.float64, device=device)  # summed loss, correct, correct among five
    confusion = torch.zeros(classes**2, dtype=torch.float64, device=device)  # whole numbers, exact as they are
    first, end = team.share(0, len(rows))
    size = max(1, BATCH_PIXELS // feed.image_size**2)
    for batch in feed.batches(rows, [(start, min(start + size, end)) for start in range(first, end, size)]):
        with autocast(precision, device):
            logits = network(normalise(batch.source.index_select(0, batch.positions))).float()
        five = logits.topk(min(5, classes)).indices
        right = five == batch.labels[:, None]
        loss = cross_entropy(logits, batch.labels, reduction="none").double().sum()
        totals += torch.stack((loss, right[:, 0].sum().double(), right.sum().double()))
        cells = batch.labels * classes + five[:, 0]
        confusion.index_add_(0, cells, torch.ones_like(cells, dtype=torch.float64))  # bincount would wait for a GPU
    found = team.add_up(torch.cat((totals, confusion))).cpu()
    loss, accuracy, top5 = (found[:3] / len(rows)).tolist()
    return Evaluation(loss, accuracy, top5 if classes > 5 else None, found[3:].long().view(classes, classes))
