"""Programs of `torch.export`: what runs where torch is, without this code."""

from io import BytesIO

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from training.engine.export.classifier import Classifier, example_images
from training.engine.export.quiet import quiet
from training.engine.export.saved import SavedNetwork


def torch_program(saved: SavedNetwork) -> bytes:
    """A `.pt2` file, which `torch.export.load` reads: images to logits, float32 [B, classes]."""
    program = traced(Classifier(saved), saved)
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            _forget_origins(module)
    file = BytesIO()
    with quiet():
        torch.export.save(program, file)
    return file.getvalue()


def traced(classifier: nn.Module, saved: SavedNetwork) -> ExportedProgram:
    """`classifier` in evaluation mode, for any number of images."""
    images = example_images(saved)
    with quiet():
        batch = {0: Dim("batch", min=1)}
        return torch.export.export(classifier.eval(), (images,), dynamic_shapes=(batch,), strict=False)


def _forget_origins(module: GraphModule) -> None:
    """Stack traces, which have paths of this machine in them."""
    for node in module.graph.nodes:
        node.meta.pop("stack_trace", None)
