"""A small network in 8 bits under the contract of exports, and the manifest of its trained model."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def int8_network(size: int, channels: int, classes: int, *, filters: int = 8, maps: bool = True) -> bytes:
    """ONNX of opset 20: uint8 `images` [batch, size, size, channels] to `logits` [batch, classes] and `activation_maps`
    [batch, classes, size / 2, size / 2], unless `maps` is False. Its first convolution is in 8 bits, as QDQ."""
    random = np.random.default_rng(size + channels)
    kernel = random.integers(-127, 128, (filters, channels, 3, 3)).astype(np.int8)
    rows = random.normal(0, 2, (classes, filters, 1, 1)).astype(np.float32)
    constants: dict[str, Any] = {
        "mean": np.full(channels, 120, np.float32),
        "scale": np.full(channels, 1 / 60, np.float32),
        "step": np.float32(0.03), "middle": np.uint8(120), "weight_step": np.float32(0.004), "zero": np.int8(0),
        "kernel": kernel, "rows": rows, "bias": random.normal(0, 0.5, classes).astype(np.float32),
        "sides": np.array([2, 3], np.int64),
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        node("Sub", ["float", "mean"], ["centred"]),
        node("Mul", ["centred", "scale"], ["scaled"]),
        node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        node("QuantizeLinear", ["planes", "step", "middle"], ["planes_8"]),
        node("DequantizeLinear", ["planes_8", "step", "middle"], ["planes_qdq"]),
        node("DequantizeLinear", ["kernel", "weight_step", "zero"], ["kernel_qdq"]),
        node("Conv", ["planes_qdq", "kernel_qdq"], ["features"], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["features"], ["positive"]),
        node("Conv", ["positive", "rows"], ["activation_maps"]),
        node("ReduceMean", ["activation_maps", "sides"], ["means"], keepdims=0),
        node("Add", ["means", "bias"], ["logits"]),
    ]
    side = (size + 1) // 2
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])]
    if maps:
        maps_shape: list[str | int | None] = ["batch", classes, side, side]
        outputs.append(helper.make_tensor_value_info("activation_maps", TensorProto.FLOAT, maps_shape))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, channels])],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def manifest(size: int, channels: int, classes: list[str], *, resize: str = "crop") -> dict[str, Any]:
    """As jobs.trained_models writes it, with the facts of an export in 8 bits."""
    facts = {"accuracy": 0.8991, "accuracy_fp32": 0.9123, "images": 3669, "calibrated_on": 500}
    return {
        "format": "epochal-model/1",
        "model": {"id": "mod_01", "job": "job_01", "which": "last", "created_at": "2026-11-30T00:00:00+00:00"},
        "architecture": {"name": "resnet18", "stem": "cifar"},
        "classes": classes,
        "input": {
            "size": size, "channels": channels, "resize": resize,
            "mean": [120.0] * channels, "deviation": [60.0] * channels,
        },
        "metrics": {"epoch": 29, "test_loss": 0.31, "test_accuracy": 0.9123, "test_top5_accuracy": 0.994},
        "data": {"name": "pets", "version": 3, "identity": "a" * 64},
        "seed": 0,
        "spec": {"epochs": 30, "batch_size": 128, "optimizer": {"name": "sgd", "learning_rate": 0.1}},
        "calibration": {
            "temperature": 1.37, "fitted_on": "validation", "images": 736, "ece_before": 0.061, "ece_after": 0.012,
        },
        "files": [{"name": "model.int8.onnx", "bytes": 1, "sha256": "b" * 64, **facts}],
    }  # fmt: skip
