"""A team: several processes that train one network together, each on a device of its own (data parallelism).

torch's elastic launcher starts them (`torchrun -m training`). Each process computes on its share of every batch, and
gradients and normalisation statistics are summed over all shares, so that together they compute what one process would.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function


@dataclass(frozen=True, slots=True)
class Team:
    """Process number `rank` of `size`, which train together. The methods that exchange something wait for all
    processes: every one of them must make the same calls in the same order."""

    rank: int = 0
    size: int = 1

    @classmethod
    def from_launcher(cls) -> Self:
        """Join the processes that torch's launcher started; alone where none did."""
        if not distributed.is_torchelastic_launched():
            return cls()
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size())

    def share(self, first: int, end: int) -> tuple[int, int]:
        """The share for this process of the places `first` to `end` of an epoch's order.

        Shares begin at even distances from `first`, so that the two images of a pair that is mixed are in one share.
        Where there are fewer pairs than processes, as in a small last batch, some shares are empty.
        """
        pairs = (end - first + 1) // 2
        starts = [first + 2 * (pairs * rank // self.size) for rank in (self.rank, self.rank + 1)]
        return starts[0], min(end, starts[1])

    def all_reduce_sum(self, totals: Tensor) -> Tensor:
        """The sum of `totals` over all processes."""
        if self.size > 1:
            totals = totals.clone()
            distributed.all_reduce(totals)
        return totals

    def all_reduce_min(self, values: Tensor) -> Tensor:
        """The smallest of `values` over all processes, entry by entry."""
        if self.size > 1:
            values = values.clone()
            distributed.all_reduce(values, distributed.ReduceOp.MIN)
        return values

    def is_same_everywhere(self, text: str, device: torch.device) -> bool:
        """Whether all processes have the same `text`."""
        if self.size == 1:
            return True
        number = torch.frombuffer(bytearray(sha256(text.encode()).digest()), dtype=torch.uint8).to(device).double()
        return bool((self.all_reduce_min(number) == -self.all_reduce_min(-number)).all())

    def any_process_says(self, *says: bool, device: torch.device) -> list[bool]:
        """For each of `says`, whether it is true in any process."""
        if self.size == 1:
            return list(says)
        votes: list[float] = self.all_reduce_sum(torch.tensor(says, dtype=torch.float32, device=device)).tolist()
        return [votes_for > 0 for votes_for in votes]

    def add_gradients(self, network: nn.Module) -> None:
        """Replace the gradients in every process by their sum over all processes."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        for gradient, added in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(added.view_as(gradient))

    def normalise_together(self, network: nn.Module) -> nn.Module:
        """`network` with batch normalisation over the whole team's batch."""
        if self.size > 1:
            for module in network.modules():
                if type(module) is nn.BatchNorm2d:
                    module.__class__ = TeamSyncBatchNorm
        return network


ALONE = Team()


class TeamSyncBatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose statistics in training are of all processes' images together. torch's own
    SyncBatchNorm does not run on CPUs."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> the same; every process must call it, and B may differ between them."""
        if not self.training:
            return super().forward(features)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values = features.to(self.running_mean.dtype)
        count = values.new_full((1,), values.numel() / values.shape[1])
        sums = _Sum.apply(torch.cat((values.sum((0, 2, 3)), count)))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centred = values - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / total
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * total / (total - 1), self.momentum)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        normalised: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normalised.to(features.dtype)


class _Sum(Function):
    """The sum over all processes. Each process's loss depends on it, so its gradient is summed, too."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total
