"""A trained model as a predictor takes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from serving.errors import ModelUnavailable, ModelUnusable
from storage import FileDamaged, Storage, StoredFile

if TYPE_CHECKING:
    from training.images.decoding import Form  # which imports Pillow: at run time, no earlier than the first picture

ModelKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What stays the same while a request is answered, whatever happens to names meanwhile.

    `sha256` and `size_bytes` are its ONNX file's. `read` returns that file, verified, and raises ModelUnavailable and
    ModelUnusable. `temperature`: None where it is not calibrated.
    """

    id: str
    project: str
    classes: Sequence[str]
    input: "Form"
    sha256: str
    size_bytes: int
    read: Callable[[], bytes]
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not (isfinite(self.temperature) and self.temperature > 0):
            raise ModelUnusable(f"Its temperature is {self.temperature}, and should be a number above 0.")

    @classmethod
    def stored(
        cls,
        storage: Storage,
        file: StoredFile,
        *,
        id: str,  # noqa: A002 - as everybody calls it
        project: str,
        classes: Sequence[str],
        input: "Form",  # noqa: A002 - likewise
        temperature: float | None,
    ) -> "ServedModel":
        """A model whose ONNX file lies in `storage`. Raises ModelUnusable for a temperature that cannot be."""

        def read() -> bytes:
            try:
                return storage.read_verified(file)
            except FileDamaged as error:
                raise ModelUnusable("Its ONNX file is damaged: export it anew.") from error
            except OSError as error:
                raise ModelUnavailable("Its ONNX file cannot be read from the storage now.") from error

        return cls(id, project, classes, input, file.sha256, file.size_bytes, read, temperature)

    @property
    def key(self) -> ModelKey:
        """What its loaded file is kept by: project, id and SHA-256."""
        return self.project, self.id, self.sha256
