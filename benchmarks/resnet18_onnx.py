"""A ResNet-18 for small images as an ONNX file with the contract of an export: its weights are drawn, which changes
neither its speed nor its size. Made without torch, so that what is measured is what serves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
WIDTHS = (64, 128, 256, 512)
BLOCKS = 2  # of each width


def resnet18(size: int, channels: int, classes: int, *, seed: int = 0) -> bytes:
    """The file of a network that takes uint8 [batch, size, size, channels], as 11.2 million parameters."""
    graph = _Graph(np.random.default_rng(seed))
    x = graph.add("Cast", ["images"], to=TensorProto.FLOAT)
    x = graph.add("Mul", [x, graph.constant(np.full(channels, 1 / 255, np.float32))])
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.add("Relu", [graph.convolution(x, channels, WIDTHS[0], 3, 1)])
    width = WIDTHS[0]
    for stage, wide in enumerate(WIDTHS):
        for block in range(BLOCKS):
            x = graph.block(x, width, wide, 2 if stage and not block else 1)
            width = wide
    graph.head(x, width, classes)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, channels])
    side = size // 2 ** (len(WIDTHS) - 1)
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes]),
        helper.make_tensor_value_info("activation_maps", TensorProto.FLOAT, ["batch", classes, side, side]),
    ]
    made = helper.make_graph(graph.nodes, "resnet18", [images], outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and weights, each with a name of its own."""

    def __init__(self, random: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = random

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[np.float32]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def drawn(self, shape: Sequence[int], fan_in: int) -> str:
        values = self._random.standard_normal(shape, np.float32) * np.float32((2 / fan_in) ** 0.5)
        return self.constant(values)

    def convolution(self, x: str, narrow: int, wide: int, kernel: int, stride: int) -> str:
        """With its normalisation folded in, as an exporter leaves it."""
        weight = self.drawn((wide, narrow, kernel, kernel), narrow * kernel**2)
        bias = self.constant(np.zeros(wide, np.float32))
        return self.add("Conv", [x, weight, bias], strides=[stride, stride], pads=[kernel // 2] * 4)

    def block(self, x: str, narrow: int, wide: int, stride: int) -> str:
        inner = self.add("Relu", [self.convolution(x, narrow, wide, 3, stride)])
        inner = self.convolution(inner, wide, wide, 3, 1)
        around = x if narrow == wide and stride == 1 else self.convolution(x, narrow, wide, 1, stride)
        return self.add("Relu", [self.add("Add", [inner, around])])

    def head(self, x: str, width: int, classes: int) -> None:
        """Logits, and the map of each class: the last feature map times the classifier's rows."""
        rows = self._random.standard_normal((classes, width)).astype(np.float32) / np.float32(width**0.5)
        pooled = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
        bias = self.constant(np.zeros(classes, np.float32))
        self.add("Gemm", [pooled, self.constant(rows), bias], "logits", transB=1)
        self.add("Conv", [x, self.constant(rows[:, :, None, None])], "activation_maps")
