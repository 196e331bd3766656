"""Answers what pictures show: takes requests from any thread, and works them off with threads of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from threading import Condition, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import structlog
from numpy.typing import NDArray

from serving.errors import Busy, Closed, ModelUnusable, PredictionError
from serving.limits import Limits
from serving.measures import Measures
from serving.onnx_session import MemoryExceeded, OnnxSession, give_memory_back
from serving.results import ImageRefused, Prediction, Predictions, most_probable, probabilities_of
from serving.schedule import Batch, Load, Schedule
from serving.served_model import ServedModel
from serving.thread_priority import yield_to_other_threads
from serving.waiting import Drawing, Item, Request

if TYPE_CHECKING:
    from serving.decoding import Decoder

CLOSING_SECONDS = 5.0
LOADING_THREADS = 2  # so that a file which comes slowly does not hold up all others

log = structlog.get_logger()


class Predictor:
    """Use it as a context manager. Images are decoded, models loaded and activation maps drawn by several threads; one
    thread runs the batches. They start with the first request, and sleep when there is none."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._decoder: Decoder | None = None
        self._schedule = Schedule(self._limits)
        self._measures = Measures()
        self._lock = Lock()
        self._to_prepare, self._to_run, self._to_load = (Condition(self._lock) for _ in range(3))
        self._is_open = False
        self._threads: list[Thread] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What is not answered yet fails with Closed."""
        with self._lock:
            self._is_open = False
            open_requests = list(self._schedule.requests)
            for condition in (self._to_prepare, self._to_run, self._to_load):
                condition.notify_all()
        for request in open_requests:
            request.fail(Closed())
        for thread in self._threads:
            thread.join(CLOSING_SECONDS)  # one may wait for a storage that does not answer
        self._stack.close()

    def submit(
        self, model: ServedModel, images: Sequence[bytes], *, top: int = 5, explain: bool = False
    ) -> Future[Predictions]:
        """Ask what `images`, whole files, show: the `top` classes of each; with `explain`, with an activation map of
        the first. An image that cannot be read is an ImageRefused in its place. Cancelling the future drops what is not
        done. Raises Busy, ModelUnusable and Closed; the future raises ModelUnusable, ModelUnavailable and Closed."""

        def items(request: Request) -> list[Item]:
            lane = self._schedule.lane_of(model)
            return [
                Item(request, number, lane, len(content), explain=explain, content=content)
                for number, content in enumerate(images)
            ]

        return self._submit(Request(model, len(images), top), sum(map(len, images)), len(images), items)

    def submit_pixels(self, model: ServedModel, pixels: NDArray[np.uint8], *, top: int = 5) -> Future[Predictions]:
        """The same of pixels that are decoded, and as large as the network takes them: uint8 [images, size, size,
        channels]. Raises ValueError for another shape."""
        form = model.input
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (form.size, form.size, form.channels):
            raise ValueError(f"should be uint8 of shape [images, {form.size}, {form.size}, {form.channels}]")

        def items(request: Request) -> list[Item]:
            lane = self._schedule.lane_of(model)
            return [Item(request, number, lane, each.nbytes, pixels=each) for number, each in enumerate(pixels)]

        return self._submit(Request(model, len(pixels), top), pixels.nbytes, len(pixels), items)

    def measures(self) -> Measures:
        """What was done so far."""
        with self._lock:
            sessions = self._schedule.sessions
            self._measures.loads, self._measures.evictions = sessions.loads, sessions.evictions
            self._measures.sessions, self._measures.session_bytes = len(sessions), sessions.bytes
            self._measures.waiting_images = self._schedule.images
            return self._measures.copy()

    def _submit(
        self, request: Request, size: int, count: int, items: Callable[[Request], list[Item]]
    ) -> Future[Predictions]:
        if not count:
            raise ValueError("There is no image.")
        with self._lock:
            if not self._is_open:
                raise Closed
            try:
                self._schedule.require_room(request.model, count, size)
            except Busy:
                self._measures.requests["busy"] += 1
                raise
            if not self._threads:
                self._start_all()
            self._schedule.add(items(request))
            self._to_prepare.notify(count)
            self._to_run.notify()
            if not self._schedule.sessions.knows(request.model.key):
                self._to_load.notify()
        return request.future

    def _start_all(self) -> None:
        # Here, since they import Pillow: many a service predicts nothing.
        from serving.decoding import Decoder
        from training.images.decoding import strict_pillow

        self._decoder = Decoder(self._limits)
        self._stack.enter_context(strict_pillow(self._limits.largest_megapixels))
        self._start("prediction", self._run_batches, 1)
        self._start("decoding", self._prepare_images, self._limits.decoding_threads)
        self._start("loading", self._load_models, LOADING_THREADS)

    def _start(self, name: str, work: Callable[[], None], count: int) -> None:
        for number in range(count):
            thread = Thread(target=work, name=f"{name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    # Decoding and drawing.

    def _prepare_images(self) -> None:
        while (item := self._next_to_prepare()) is not None:
            if item.drawing is not None:
                self._draw(item, item.drawing)
            else:
                self._decode(item)
            del item  # an idle thread holds no image

    def _next_to_prepare(self) -> Item | None:
        with self._lock:
            while self._is_open:
                if (item := self._schedule.next_to_prepare()) is not None:
                    return item
                self._to_prepare.wait()
            return None

    def _decode(self, item: Item) -> None:
        assert self._decoder is not None
        assert item.content is not None
        answer: ImageRefused | None = None
        try:
            model = item.lane.model
            decoded = self._decoder.decode(item.content, model.input, project=model.project, keep_picture=item.explain)
        except Exception:  # whatever it is, it is this image's alone
            log.exception("image not decoded")
            decoded = ImageRefused("it cannot be decoded")
        item.content = None
        if isinstance(decoded, ImageRefused):
            answer = decoded
        else:
            item.pixels, item.picture = decoded.pixels, decoded.picture
        with self._lock:
            self._schedule.prepared(item)
            if answer is None:
                self._schedule.ready(item)
                is_last = False
            else:
                is_last = self._answer(item, answer)
            self._to_run.notify()
            self._retry_loading()
        if is_last:
            item.request.deliver()

    def _draw(self, item: Item, drawing: Drawing) -> None:
        from serving.activation_map import overlay

        made = drawing.prediction
        try:
            png = overlay(drawing.picture, drawing.values, item.lane.model.input)
        except Exception:  # likewise: the labels are right all the same
            log.exception("activation map not drawn")
            png = None
        prediction = Prediction(made.labels, made.logits, made.probabilities, png)
        with self._lock:
            self._schedule.prepared(item)
            is_last = self._answer(item, prediction)
        if is_last:
            item.request.deliver()

    def _answer(self, item: Item, answer: Prediction | ImageRefused) -> bool:
        """Under the lock. Returns whether the request is to be delivered."""
        self._measures.images["refused" if isinstance(answer, ImageRefused) else "predicted"] += 1
        is_last = item.request.answer(item.number, answer)
        if is_last:
            self._measures.requests["answered"] += 1
            self._measures.seconds.observe(monotonic() - item.request.submitted_at)
            self._schedule.requests.discard(item.request)
        self._schedule.leave(item)
        return is_last

    # Running.

    def _run_batches(self) -> None:
        yield_to_other_threads()
        while (batch := self._next_batch()) is not None:
            self._run(batch)
            del batch

    def _next_batch(self) -> Batch | None:
        with self._lock:
            while self._is_open:
                found = self._schedule.next_batch()
                if self._schedule.has_dropped:
                    self._schedule.has_dropped = False
                    self._to_prepare.notify_all()
                    self._retry_loading()
                if isinstance(found, Batch):
                    return found
                self._to_run.wait(found)
            return None

    def _run(self, batch: Batch) -> None:
        try:
            answers = _predicted(batch)
        except MemoryExceeded:
            if len(batch.items) > 1:
                with self._lock:
                    self._schedule.ran(batch, again=True)
                return
            self._give_up(batch, ModelUnusable("One image of it takes more memory than there is for a batch."))
        except PredictionError as error:
            self._give_up(batch, error)
        except Exception as error:  # a fault of ours must fail these requests, and not end the thread of all
            log.exception("batch not run", model=batch.lane.model.id)
            self._give_up(batch, error)
        else:
            self._note(batch, answers)

    def _note(self, batch: Batch, answers: Sequence[Prediction | Drawing | ImageRefused]) -> None:
        done = list[Request]()
        with self._lock:
            self._measures.batches.observe(len(batch.items))
            self._schedule.ran(batch)
            for item, answer in zip(batch.items, answers, strict=True):
                item.pixels = None
                if isinstance(answer, Drawing):
                    item.drawing, item.picture = answer, None
                    self._schedule.draw(item)
                elif self._answer(item, answer):
                    done.append(item.request)
            self._to_prepare.notify(len(batch.items))
            self._retry_loading()
        for request in done:
            request.deliver()

    def _give_up(self, batch: Batch, error: Exception) -> None:
        with self._lock:
            self._schedule.ran(batch)
            requests = self._schedule.give_up(batch.lane, batch.items)
            self._failed(requests)
        for request in requests:
            request.fail(error)

    def _failed(self, requests: Sequence[Request]) -> None:
        self._measures.requests["failed"] += len(requests)
        self._to_prepare.notify_all()
        self._to_load.notify_all()

    # Loading.

    def _retry_loading(self) -> None:
        """Under the lock, when a model may have become one that can give way."""
        if self._schedule.lacks_room:
            self._to_load.notify()

    def _load_models(self) -> None:
        while (load := self._next_to_load()) is not None:
            self._load(load)
            del load  # and with it what was evicted

    def _next_to_load(self) -> Load | None:
        with self._lock:
            while self._is_open:
                if (load := self._schedule.next_to_load()) is not None:
                    return load
                self._to_load.wait()
            return None

    def _load(self, load: Load) -> None:
        if load.evicted:
            load.evicted.clear()
            give_memory_back()
        model, session, failure = load.lane.model, None, None
        try:
            session = OnnxSession(model, model.read(), self._limits)
        except PredictionError as error:
            log.warning("model not loaded", model=model.id, error=str(error), cause=str(error.__cause__))
            failure = error
        except Exception as error:  # likewise
            log.exception("model not loaded", model=model.id)
            failure = ModelUnusable("Its ONNX file cannot be loaded.")
            failure.__cause__ = error
        with self._lock:
            requests = self._schedule.loaded(load.lane, session)
            self._failed(requests)
            self._to_run.notify()
        for request in requests:
            request.fail(failure or Closed())


def _predicted(batch: Batch) -> Sequence[Prediction | Drawing | ImageRefused]:
    """Raises MemoryExceeded and ModelUnusable."""
    model, items = batch.lane.model, batch.items
    pixels = np.stack([item.pixels for item in items if item.pixels is not None])
    logits, maps = batch.session.run(pixels, with_maps=any(item.picture is not None for item in items))
    answers = list[Prediction | Drawing | ImageRefused]()
    for number, item in enumerate(items):
        row = logits[number : number + 1]
        if not np.isfinite(row).all():
            answers.append(ImageRefused("the network answers it with numbers that are not finite"))
            continue
        likely = probabilities_of(row, item.request.model.temperature or 1.0)[0]
        prediction = Prediction(most_probable(model.classes, likely, item.request.top), row[0], likely)
        if item.picture is not None and maps is None:
            answers.append(ImageRefused("the model's ONNX file has no activation maps: export it anew"))
        elif item.picture is not None and maps is not None:
            answers.append(Drawing(item.picture, maps[number, int(likely.argmax())].copy(), prediction))
        else:
            answers.append(prediction)
    return answers
