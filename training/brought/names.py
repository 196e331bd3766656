"""What other libraries call the tensors of a residual network.

torchvision and timm have the same names for it. timm's networks with another stem, shortcut, normalisation or gate have
others beside, or other shapes, and so do not pass for one of ours.
"""

import re

# Ours, and theirs. Their blocks count from 0.
_TABLE = (
    (r"stem\.convolution", r"conv1"),
    (r"stem\.norm", r"bn1"),
    (r"stage(\d+)\.block(\d+)\.branch\.convolution(\d+)", r"layer{}.{}.conv{}"),
    (r"stage(\d+)\.block(\d+)\.branch\.norm(\d+)", r"layer{}.{}.bn{}"),
    (r"stage(\d+)\.block(\d+)\.branch\.excitation\.squeeze", r"layer{}.{}.se.fc1"),
    (r"stage(\d+)\.block(\d+)\.branch\.excitation\.excite", r"layer{}.{}.se.fc2"),
    (r"stage(\d+)\.block(\d+)\.shortcut\.convolution", r"layer{}.{}.downsample.0"),
    (r"stage(\d+)\.block(\d+)\.shortcut\.norm", r"layer{}.{}.downsample.1"),
    (r"head\.linear", r"fc"),
)
_COMPILED = [(re.compile(ours), theirs) for ours, theirs in _TABLE]

STEM, HEAD, HEAD_BIAS = "conv1.weight", "fc.weight", "fc.bias"
# In front of all names of a file, where it was saved from a network that something was wrapped around.
WRAPPERS = ("module.", "_orig_mod.", "model.")


def their_name(ours: str) -> str:
    """What torchvision and timm call a tensor. Raises KeyError for one that their networks do not have."""
    layer, _, tensor = ours.rpartition(".")
    for pattern, theirs in _COMPILED:
        if found := pattern.fullmatch(layer):
            stage_and_block = found.groups()
            if len(stage_and_block) > 1:
                stage_and_block = (stage_and_block[0], str(int(stage_and_block[1]) - 1), *stage_and_block[2:])
            return f"{theirs.format(*stage_and_block)}.{tensor}"
    raise KeyError(ours)
