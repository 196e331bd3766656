"""How much a predictor takes of its machine."""

import os
from dataclasses import dataclass, field

from training.image_folders import LARGEST_IMAGE_MEGAPIXELS

MEBIBYTE = 2**20


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on memory, threads and what may wait."""

    # Of sessions together, weights and what onnxruntime makes of them; the memory of a running batch comes on top.
    session_bytes: int = 512 * MEBIBYTE
    # That compute one batch. By default, all cores but one: the others' requests are answered meanwhile.
    threads: int = field(default_factory=lambda: max(1, cores() - 1))
    largest_batch: int = 64  # images
    # A batch is as large as this allows, by what the model has taken so far: for so long others wait. On a processor,
    # larger batches are hardly faster.
    batch_seconds: float = 0.1
    # How long images that are decoded wait for those of their model that still are.
    gathering_seconds: float = 0.003
    waiting_images: int = 2048  # of a project
    waiting_bytes: int = 64 * MEBIBYTE  # of a project's files
    all_waiting_bytes: int = 256 * MEBIBYTE
    largest_megapixels: int = LARGEST_IMAGE_MEGAPIXELS  # of an image, by its header
    # That are decoded at once. An image that takes more is refused. A JPEG is decoded at a fraction of its size.
    decoded_pixels: int = 2**26

    @property
    def decoding_threads(self) -> int:
        """Twice as many as a project may occupy: its large images never hold up all of them."""
        return 2 * self.decoding_threads_per_project

    @property
    def decoding_threads_per_project(self) -> int:
        """As many as compute."""
        return min(8, self.threads)

    @property
    def window(self) -> int:
        """Decoded images of a project that wait for their batch: what is decoded meanwhile is at hand for the next. Of
        each of its models, a few more may."""
        return 2 * self.largest_batch
