"""An ONNX file that is ready to run.

All sessions of a process share one arena for the memory of their runs: what is held between runs does not grow with
the number of models. Only one batch runs at a time, so that it is no larger than the largest batch takes. Threads of
onnxruntime wait without spinning: an idle service takes no processor time.
"""

import ctypes
from contextlib import suppress
from functools import cache
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import ModelUnusable
from serving.limits import Limits
from serving.served_model import ServedModel

INPUT, LOGITS, ACTIVATION_MAPS = "images", "logits", "activation_maps"
ARENA_BYTES = 256 * 2**20
SAME_AS_REQUESTED = 1  # of the arena: it takes what a run needs, and not the next power of two
SILENT = 4  # onnxruntime's errors are raised; its own log would tell them a second time, to standard error
TEMPERING = 0.2  # share of a new measurement in the running mean

# What onnxruntime makes of a file: weights, copies in the order of the processor's registers, the graph. Measured for
# ResNet-18: 1.3 to 1.6 times the file (benchmarks/predict.py); while it is read, its bytes are there as well.
BYTES_PER_FILE_BYTE = 2
BYTES_OF_A_SESSION = 4 * 2**20


def session_bytes(model: ServedModel) -> int:
    """What a session of this model counts for, in bytes."""
    return BYTES_PER_FILE_BYTE * model.size_bytes + BYTES_OF_A_SESSION


class MemoryExceeded(Exception):
    """A batch takes more memory than the arena has."""


class OnnxSession:
    """Runs one batch at a time. Raises ModelUnusable where the file is not what an export makes."""

    def __init__(self, model: ServedModel, content: bytes, limits: Limits) -> None:
        import onnxruntime  # here: it takes 60 MB, and many a service predicts nothing

        _share_arena()
        try:
            self._session = onnxruntime.InferenceSession(
                content, _options(limits.threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own have no other ancestor in common
            raise ModelUnusable("Its ONNX file cannot be loaded: export it anew.") from error
        self._has_maps = _checked(self._session, model)
        self._limits = limits
        self._seconds_per_image: float | None = None
        self._largest_batch = limits.largest_batch

    @property
    def batch_limit(self) -> int:
        """Images that run within the time that others may wait; 1 as long as that is not known."""
        if self._seconds_per_image is None:
            return 1
        return max(1, min(self._largest_batch, int(self._limits.batch_seconds / self._seconds_per_image)))

    def run(
        self, pixels: NDArray[np.uint8], *, with_maps: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Of pixels [images, size, size, channels]: logits [images, classes] and, where they are wanted,
        activation maps [images, classes, h, w]; None where the file has none. Raises ModelUnusable, and
        MemoryExceeded."""
        with_maps = with_maps and self._has_maps
        started = thread_time()  # of the processor: where others keep it busy, batches do not get smaller and so dearer
        try:
            logits, *maps = self._session.run([LOGITS, *([ACTIVATION_MAPS] if with_maps else [])], {INPUT: pixels})
        except Exception as error:  # as above
            if "Available memory" in str(error):
                self._largest_batch = max(1, len(pixels) // 2)
                raise MemoryExceeded from error
            raise ModelUnusable("Its ONNX file cannot be run: export it anew.") from error
        self._note((thread_time() - started) / len(pixels))
        return logits, maps[0] if maps else None

    def _note(self, seconds: float) -> None:
        known = self._seconds_per_image
        self._seconds_per_image = seconds if known is None else known + TEMPERING * (seconds - known)


def give_memory_back() -> None:
    """Return what freed sessions held to the system, where the C library would keep it (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@cache
def _share_arena() -> None:
    """Once a process."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"max_mem": ARENA_BYTES, "arena_extend_strategy": SAME_AS_REQUESTED})
    onnxruntime.create_and_register_allocator(memory, arena)


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    options.enable_mem_pattern = False  # one for each size of a batch: each would take a block of its own
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Weights lie outside of the arena, which has a bound of its own, and are freed with their session.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return options


def _checked(session: Any, model: ServedModel) -> bool:
    """Whether it has activation maps. Raises ModelUnusable."""
    inputs = [(each.name, each.type, list(each.shape[1:])) for each in session.get_inputs()]
    wanted = [(INPUT, "tensor(uint8)", [model.input.size, model.input.size, model.input.channels])]
    outputs = {each.name: each for each in session.get_outputs()}
    if inputs != wanted or LOGITS not in outputs:
        raise ModelUnusable("Its ONNX file takes or gives something else than an export does: export it anew.")
    if list(outputs[LOGITS].shape[1:]) != [len(model.classes)]:
        raise ModelUnusable("Its ONNX file has another number of classes than the model: export it anew.")
    return ACTIVATION_MAPS in outputs
