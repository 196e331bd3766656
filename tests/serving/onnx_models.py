"""Small networks with the contract of an export, whose answers can be worked out by hand."""

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving import ServedModel
from training.images.decoding import Form

COLOURS = ("red", "green", "blue")
FORM = Form(16, 3)
GRID = 4  # places of the last feature map, each way


def colour_network(size: int = 16, *, channels: int = 3, padding: int = 0, maps: bool = True, width: int = 0) -> bytes:
    """Its logits are the means of the channels, in units of 10 of their 255; its maps those of each of 4 by 4 places.
    `padding`: bytes of weights that do nothing. `width`: channels of a layer that only takes memory."""
    place = size // GRID
    weights = [numpy_helper.from_array(np.full(1, 10 / 255, np.float32), "scale")]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["x"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["x"], ["activation_maps"], kernel_shape=[place] * 2, strides=[place] * 2),
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
    ]
    last = "flat"
    if padding:
        weights.append(numpy_helper.from_array(np.zeros((padding // 4, 1), np.float32), "padding"))
        nodes += [
            helper.make_node("ReduceSum", ["padding"], ["nothing"], keepdims=0),
            helper.make_node("Add", [last, "nothing"], ["padded"]),
        ]
        last = "padded"
    if width:
        weights.append(numpy_helper.from_array(np.zeros((width, channels, 1, 1), np.float32), "wide_weights"))
        nodes += [
            helper.make_node("Conv", ["x", "wide_weights"], ["wide"]),
            helper.make_node("ReduceMean", ["wide"], ["zero"], keepdims=0),
            helper.make_node("Add", [last, "zero"], ["widened"]),
        ]
        last = "widened"
    nodes.append(helper.make_node("Identity", [last], ["logits"]))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, channels])
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", channels])]
    if maps:
        shape: list[str | int | None] = ["batch", channels, GRID, GRID]
        outputs.append(helper.make_tensor_value_info("activation_maps", TensorProto.FLOAT, shape))
    graph = helper.make_graph(nodes, "colours", [images], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def served(
    content: bytes | None = None,
    *,
    name: str = "mdl_a",
    project: str = "first",
    form: Form = FORM,
    temperature: float | None = None,
    read: Callable[[], bytes] | None = None,
) -> ServedModel:
    """The colour network, or another file, as a model of a project."""
    content = colour_network(form.size, channels=form.channels) if content is None else content
    digest, content_of = sha256(content).hexdigest(), read or (lambda: content)
    return ServedModel(name, project, COLOURS[: form.channels], form, digest, len(content), content_of, temperature)
