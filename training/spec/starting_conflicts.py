"""Conflicts of what is said about starting weights: without them it has no effect, and some of it excludes other."""

from collections.abc import Iterator

from training.number_format import plain
from training.spec.hyperparameters import Hyperparameters
from training.spec.optimizer import Muon
from training.spec.part import Conflict

_FACTOR = "starting_weights_learning_rate_factor"


def starting_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """Of what is frozen, and of the learning rate of layers that start from given weights."""
    freeze, factor = spec.freeze, spec.starting_weights_learning_rate_factor
    if not spec.starting_weights:
        if freeze != "none":
            yield ("freeze",), freeze, "without starting_weights, random ones would be frozen: set them, or take none"
        if factor != 1:
            yield (_FACTOR,), factor, "without starting_weights, no layer has it: set them, or take 1"
        return
    if freeze != "all-but-head":
        return
    if factor != 1:
        rate = plain(spec.optimizer.learning_rate)
        reason = f"the head alone learns here: take 1, and lower the optimizer's learning rate of {rate} if it must be"
        yield (_FACTOR,), factor, reason
    if isinstance(spec.optimizer, Muon):
        reason = "muon is for convolutions, and the head has none: take sgd or adamw, or freeze none or stem"
        yield ("optimizer", "name"), spec.optimizer.name, reason
