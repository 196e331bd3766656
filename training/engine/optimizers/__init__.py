"""Optimizers as the spec names them: torch's own wherever it has one, and Lion, LAMB, Muon and SAM.

`building` turns a spec into an optimizer, `groupwise` is what our own have in common, `loading` makes a saved state
go on to the bit on any device, `sharpness` is the wrapper that SAM puts around a step. Nothing here waits for the
device.
"""

from training.engine.optimizers.building import build_optimizer, set_learning_rates
from training.engine.optimizers.sharpness import SharpnessAware

__all__ = ["SharpnessAware", "build_optimizer", "set_learning_rates"]
