"""What waits for a predictor: requests, their images, and the lanes that they wait in."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from serving.results import ImageRefused, Prediction, Predictions
from serving.served_model import ModelKey, ServedModel

if TYPE_CHECKING:
    from PIL import Image  # at run time, no earlier than the first picture

K = TypeVar("K")
V = TypeVar("V")


class Turns(Generic[K, V]):
    """Values by key, which take turns."""

    def __init__(self) -> None:
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[tuple[K, V]]:
        """In the order of their turns, as it is now: they may be changed meanwhile."""
        return iter(list(self._values.items()))

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`; a new one is the last to have its turn."""
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]

    def find(self, key: K) -> V | None:
        """The value of `key`, if there is one."""
        return self._values.get(key)

    def had_its_turn(self, key: K) -> None:
        """All others come before it."""
        self._values.move_to_end(key)

    def drop(self, key: K) -> None:
        """Forget `key`."""
        self._values.pop(key, None)


class Request:
    """Images that are answered together."""

    def __init__(self, model: ServedModel, images: int, top: int) -> None:
        self.model = model
        self.top = top
        self.future: Future[Predictions] = Future()
        self.submitted_at = monotonic()
        self._left = images
        self._answers: list[Prediction | ImageRefused | None] = [None] * images

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for its images any more."""
        return self.future.done()

    def answer(self, number: int, answer: Prediction | ImageRefused) -> bool:
        """Note the answer to one image, under the predictor's lock. Returns whether it was the last one."""
        self._answers[number] = answer
        self._left -= 1
        return self._left == 0

    def deliver(self) -> None:
        """Outside of the lock: whoever waits for the future may run here."""
        answers = [each for each in self._answers if each is not None]
        with suppress(InvalidStateError):  # cancelled, or failed, meanwhile
            self.future.set_result(Predictions(self.model, answers))

    def fail(self, error: Exception) -> None:
        """Likewise."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


@dataclass(slots=True, eq=False)
class Project:
    """What a project waits for, and what it occupies.

    `images` and `bytes` are all that are not answered; `window` those of them that are decoded, or are being decoded;
    `decoding` and `loading` the threads that work for it.
    """

    name: str
    lanes: "Turns[ModelKey, Lane]" = field(default_factory=Turns)
    to_draw: "deque[Item]" = field(default_factory=deque)
    images: int = 0
    bytes: int = 0
    window: int = 0
    decoding: int = 0
    loading: int = 0


@dataclass(slots=True, eq=False)
class Lane:
    """The images of one model. `waiting` are not decoded yet, `ready` are; `decoding` and `running` count others."""

    model: ServedModel
    project: Project
    waiting: "deque[Item]" = field(default_factory=deque)
    decoding: int = 0
    ready: "deque[Item]" = field(default_factory=deque)
    running: int = 0

    @property
    def on_their_way(self) -> int:
        """Images that will be ready soon."""
        return len(self.waiting) + self.decoding

    @property
    def decoded(self) -> int:
        """Images that are decoded, or are being decoded, and not answered."""
        return self.decoding + len(self.ready) + self.running

    @property
    def is_empty(self) -> bool:
        """Whether nobody needs the model."""
        return not (self.waiting or self.decoding or self.ready or self.running)


@dataclass(slots=True, eq=False)
class Drawing:
    """An activation map to be drawn: of `picture`, an RGB image, with `values` [h, w], beside a prediction."""

    picture: "Image.Image"
    values: NDArray[np.float32]
    prediction: Prediction


@dataclass(slots=True, eq=False)
class Item:
    """An image of a request. `content`: its file, until it is decoded; `pixels`: uint8 [size, size, channels], from
    then on. `size`: the bytes that it counts for."""

    request: Request
    number: int
    lane: Lane
    size: int
    explain: bool = False
    content: bytes | None = None
    pixels: NDArray[np.uint8] | None = None
    ready_at: float = 0.0
    picture: "Image.Image | None" = None
    drawing: Drawing | None = None
