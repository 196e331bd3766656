"""Runs ONNX files."""

from collections.abc import Iterator

import numpy as np
import onnxruntime
from numpy.typing import NDArray

BATCH_PIXELS = 128 * 32 * 32  # of one batch; bounds the memory that it takes

Images = NDArray[np.uint8]  # [N, size, size, channels]
Labels = NDArray[np.int64]  # [N]


def open_session(onnx: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on the CPU. It prints errors alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # training has the cores otherwise
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def batch_size(image_size: int) -> int:
    """Images in BATCH_PIXELS, at least one."""
    return max(1, BATCH_PIXELS // image_size**2)


def in_batches(images: Images) -> Iterator[Images]:
    """`images` in parts of BATCH_PIXELS."""
    size = batch_size(images.shape[1])
    for start in range(0, len(images), size):
        yield images[start : start + size]
