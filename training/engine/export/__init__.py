"""Exports of trained networks: ONNX files, in fp32 and in int8, and programs of `torch.export`.

All of them take images as they are decoded, uint8 [B, size, size, channels] with any B from 1 on, and normalise them
inside. They give `logits`, float32 [B, classes]; ONNX files give `activation_maps` as well, float32 [B, classes, h, w]:
what each place of the last feature map adds to the logit of each class, times h * w and without the bias.
"""

from training.engine.export.checking import (
    TOLERANCE,
    Accuracies,
    DiffersFromTorch,
    accuracies,
    accuracy,
    check,
    check_program,
)
from training.engine.export.onnx_files import OPSET, onnx_file
from training.engine.export.programs import torch_program
from training.engine.export.quantisation import quantised
from training.engine.export.saved import SavedNetwork, read_saved

__all__ = [
    "OPSET",
    "TOLERANCE",
    "Accuracies",
    "DiffersFromTorch",
    "SavedNetwork",
    "accuracies",
    "accuracy",
    "check",
    "check_program",
    "onnx_file",
    "quantised",
    "read_saved",
    "torch_program",
]
