"""The probabilities that a trained network gives to images that it was not trained on, as a file. Torch-free.

The file has the safetensors format, whose content is arrays alone. Its metadata has one entry, `epochal`, a JSON object
with the classes in label order and the identity of the data set.
"""

import json
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from training.images.identity import DIGEST_BYTES, Digests

ENTRY = "epochal"
MOST_BYTES = 64 * 2**20  # of probabilities that are kept where nobody needs all: 160,000 images of 100 classes
_LENGTH_BYTES = 8  # of the header's length, little-endian, with which the file begins


class PredictionsInvalid(ValueError):
    """The bytes are no predictions, or are damaged."""


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """Of N images: `splits`, uint8 [N], positions in `training.images.packs.SPLITS`; `labels`, int32 [N], positions in
    `classes`; `digests`, uint8 [N, 32], of each image's content; `probabilities`, float32 [N, classes], from 0 to 1,
    each row with the sum 1."""

    classes: tuple[str, ...]
    dataset_identity: str
    splits: NDArray[np.uint8]
    labels: NDArray[np.int32]
    digests: Digests
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def to_bytes(self) -> bytes:
        """As a file. Equal predictions give equal bytes."""
        about = {"classes": list(self.classes), "dataset_identity": self.dataset_identity}
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _SHAPES}
        return save(arrays, {ENTRY: json.dumps(about)})

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` returned. Raises PredictionsInvalid."""
        try:
            arrays = load(content)
            length = int.from_bytes(content[:_LENGTH_BYTES], "little")
            header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
            about = json.loads(header["__metadata__"][ENTRY])
            found = cls(tuple(about["classes"]), about["dataset_identity"], **{name: arrays[name] for name in _SHAPES})
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            raise PredictionsInvalid("they are not predictions, or are damaged") from error
        sizes = {"classes": len(found.classes), "digest": DIGEST_BYTES, "images": len(found.splits)}
        for name, (kind, *shape) in _SHAPES.items():
            array = getattr(found, name)
            if array.dtype != kind or list(array.shape) != [sizes[each] for each in shape]:
                raise PredictionsInvalid(f"{name} are {array.dtype} {list(array.shape)}")
        return found


_SHAPES: dict[str, tuple[str, ...]] = {
    "splits": ("uint8", "images"),
    "labels": ("int32", "images"),
    "digests": ("uint8", "images", "digest"),
    "probabilities": ("float32", "images", "classes"),
}
