"""Parts of a network that do not learn: a run that starts from given weights may leave them as they are.

They keep their normalisation statistics, too, get no gradients, and the optimizer does not know them. What draws noise
in them, such as stochastic depth, goes on doing so: the spec asks for it.
"""

from typing import Self

from torch import nn

from training.spec import Freeze

CLASSIFIER = "head.linear."  # the layer that depends on the classes
_LEFT_TO_LEARN = {"none": ("",), "stem": ("stage", "head."), "all-but-head": (CLASSIFIER,)}  # by how their names begin


class FrozenBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that always takes its running statistics, and never changes them."""

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as torch has it
        """Stays in evaluation mode, whatever `mode` the network around it is set to."""
        super().train(mode=False)
        return self


def freeze(network: nn.Module, what: Freeze) -> None:
    """Freeze `what` of a network that `build_network` built."""
    learning = _LEFT_TO_LEARN[what]
    for name, parameter in network.named_parameters():
        if not name.startswith(learning):
            parameter.requires_grad = False
    for name, module in network.named_modules():
        if type(module) is nn.BatchNorm2d and not f"{name}.".startswith(learning):
            module.__class__ = FrozenBatchNorm  # as it is, and as an average that copies the network finds it
            module.eval()
