"""A network's loss and accuracy on a split."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from training.engine.data import Feed
from training.engine.device.precision import autocast
from training.engine.normalisation import Normalisation
from training.engine.team import ALONE, Team
from training.metrics import Precision

BATCH_PIXELS = 500 * 32 * 32  # of one batch; bounds the memory that an evaluation takes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over a split. Accuracies are fractions in [0, 1]."""

    loss: float
    accuracy: float
    top5_accuracy: float | None  # None where there are five classes or fewer


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """What a network with `classes` outputs is evaluated on: the images of `rows` (int64 [N], on the host) of a split,
    not augmented.

    Each process of a team evaluates its share. `between` is called before each batch, equally often in each process,
    and may raise.
    """

    feed: Feed
    rows: Tensor
    normalise: Normalisation
    classes: int
    precision: Precision = "fp32"
    team: Team = ALONE
    between: Callable[[], object] = lambda: None

    @property
    def shares(self) -> list[tuple[int, int]]:
        """The places in `rows`, first and end, of this process's share of every batch."""
        size = max(1, BATCH_PIXELS // self.feed.image_size**2) * self.team.size
        starts = range(0, len(self.rows), size)
        return [self.team.share(start, min(start + size, len(self.rows))) for start in starts]

    def batches(self, network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits, float32 [B, classes], and labels, int64 [B], of every batch; the network is left in evaluation
        mode. Never waits for the device."""
        network.eval()
        device = self.normalise.mean.device
        for batch in self.feed.batches(self.rows, self.shares):
            self.between()
            with autocast(self.precision, device):
                logits = network(self.normalise(batch.source.index_select(0, batch.positions))).float()
            yield logits, batch.labels


@torch.inference_mode()
def evaluate(network: nn.Module, data: EvaluationData) -> Evaluation:
    """Every image once. The host waits once."""
    totals = torch.zeros(3, dtype=torch.float64, device=data.normalise.mean.device)
    for logits, labels in data.batches(network):
        right = logits.topk(min(5, data.classes)).indices == labels[:, None]
        loss = cross_entropy(logits, labels, reduction="none").double().sum()
        totals += torch.stack((loss, right[:, 0].sum().double(), right.sum().double()))
    loss, accuracy, top5 = (data.team.all_reduce_sum(totals).cpu() / len(data.rows)).tolist()
    return Evaluation(loss, accuracy, top5 if data.classes > 5 else None)


@torch.inference_mode()
def probabilities(network: nn.Module, data: EvaluationData) -> Tensor:
    """What the network gives to each class for each of `data.rows`: float32 [N, classes] on the host, the softmax of
    its logits. The same in every process of a team."""
    found = torch.zeros(len(data.rows), data.classes, device=data.normalise.mean.device)
    for (first, end), (logits, _labels) in zip(data.shares, data.batches(network), strict=True):
        found[first:end] = logits.softmax(1)
    return data.team.all_reduce_sum(found).cpu()


@torch.inference_mode()
def confusion_matrix(network: nn.Module, data: EvaluationData) -> Tensor:
    """int64 [classes, classes]: how many images of the row's class are predicted as the column's. The host
    waits once."""
    classes = data.classes
    counts = torch.zeros(classes**2, dtype=torch.float64, device=data.normalise.mean.device)  # exact as they are
    for logits, labels in data.batches(network):
        cells = labels * classes + logits.argmax(1)
        counts.index_add_(0, cells, torch.ones_like(cells, dtype=torch.float64))  # bincount would wait for a GPU
    return data.team.all_reduce_sum(counts).cpu().long().view(classes, classes)
