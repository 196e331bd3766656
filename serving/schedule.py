"""Whose turn it is: which image is decoded next, which batch runs, which model is loaded.

Projects take turns at each of these, and within a project its models. So the largest request delays another project's
by no more than the batch that runs.

Nothing here locks: the predictor does, around every call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from serving.errors import Busy, ModelUnusable
from serving.limits import MEBIBYTE, Limits
from serving.onnx_session import OnnxSession, session_bytes
from serving.served_model import ModelKey, ServedModel
from serving.sessions import Sessions
from serving.waiting import Item, Lane, Project, Request, Turns

LEAST_DECODED = 8  # images of a model


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of one model that run together."""

    lane: Lane
    session: OnnxSession
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Load:
    """A model to be loaded, and the sessions that gave way to it, which are to be freed first."""

    lane: Lane
    evicted: list[OnnxSession]


class Schedule:
    """All that waits: to be decoded or drawn, to be run, to be loaded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._projects: dict[str, Project] = {}
        self._decoding: Turns[str, Project] = Turns()
        self._running: Turns[str, Project] = Turns()
        self._loading: Turns[str, Project] = Turns()
        self.sessions = Sessions(limits.session_bytes)
        self.requests: set[Request] = set()  # that are not answered
        self.images = 0
        self.bytes = 0
        self.lacks_room = False  # for a model that is wanted
        self.has_dropped = False  # images that nobody wanted any more, so that others can be decoded

    def require_room(self, model: ServedModel, images: int, size: int) -> None:
        """For a request of `images` images, of `size` bytes together. Raises Busy and ModelUnusable."""
        needed, most = session_bytes(model), self._limits.session_bytes
        if needed > most:
            raise ModelUnusable(
                f"It takes {needed / MEBIBYTE:,.0f} MiB of memory, and all models together may take "
                f"{most / MEBIBYTE:,.0f} MiB: whoever runs the service can raise that."
            )
        project = self._projects.get(model.project)
        if project is None or not project.images:
            return  # one request of each project is always taken, so that no other keeps it out
        if project.images + images > self._limits.waiting_images:
            raise Busy(f"{project.images:,} images of the project wait already: ask again in a few seconds.")
        if (
            max(project.bytes + size - self._limits.waiting_bytes, self.bytes + size - self._limits.all_waiting_bytes)
            > 0
        ):
            raise Busy(f"Images of {project.bytes / MEBIBYTE:,.0f} MiB wait already: ask again in a few seconds.")

    def lane_of(self, model: ServedModel) -> Lane:
        """Where images of the model wait."""
        project = self._projects.get(model.project)
        if project is None:
            project = self._projects[model.project] = Project(model.project)
            for turns in (self._decoding, self._running, self._loading):
                turns.get(model.project, lambda: project)
        return project.lanes.get(model.key, lambda: Lane(model, project))

    def add(self, items: Sequence[Item]) -> None:
        """The images of one request."""
        self.requests.add(items[0].request)
        for item in items:
            project = item.lane.project
            project.images += 1
            project.bytes += item.size
            self.images += 1
            self.bytes += item.size
            if item.pixels is None:
                item.lane.waiting.append(item)
            else:
                project.window += 1
                self._make_ready(item)

    def next_to_prepare(self) -> Item | None:
        """An image whose activation map is to be drawn, or which is to be decoded: `prepared` must follow."""
        for name, project in self._decoding:
            if project.decoding < self._limits.decoding_threads_per_project:
                item = project.to_draw.popleft() if project.to_draw else self._next_to_decode(project)
                if item is not None:
                    self._decoding.had_its_turn(name)
                    project.decoding += 1
                    return item
        return None

    def _next_to_decode(self, project: Project) -> Item | None:
        is_full = project.window >= self._limits.window
        for key, lane in project.lanes:
            # A model may always have some, however many images of models that are not loaded fill the window: it stays
            # loaded until it has run.
            if is_full and lane.decoded >= LEAST_DECODED:
                continue
            while lane.waiting:
                item = lane.waiting.popleft()
                if item.request.is_over:
                    self._forget(item)
                    continue
                project.lanes.had_its_turn(key)
                lane.decoding += 1
                project.window += 1
                return item
            self._tidy(lane)
        return None

    def prepared(self, item: Item) -> None:
        """It is decoded, refused or drawn. It is `ready` or answered next."""
        item.lane.project.decoding -= 1
        if item.drawing is None:
            item.lane.decoding -= 1

    def ready(self, item: Item) -> None:
        """It is decoded, and waits for a batch; unless nobody wants it any more."""
        if item.request.is_over:
            self.leave(item)
        else:
            self._make_ready(item)

    def _make_ready(self, item: Item) -> None:
        item.ready_at = monotonic()
        item.lane.ready.append(item)

    def draw(self, item: Item) -> None:
        """Its batch has run, and its activation map is to be drawn."""
        item.lane.project.to_draw.append(item)

    def next_batch(self) -> Batch | float | None:
        """What runs now: `ran` must follow. Or in how many seconds something will, if nothing else happens before; or
        None: nobody knows."""
        now, soonest = monotonic(), None
        for name, project in self._running:
            for key, lane in project.lanes:
                session = self.sessions.get(key) if lane.ready else None
                if session is None:
                    continue
                wait = self._gathering(lane, session, now)
                if wait > 0:
                    soonest = wait if soonest is None else min(soonest, wait)
                elif items := self._taken(lane, session):
                    self._running.had_its_turn(name)
                    project.lanes.had_its_turn(key)
                    self.sessions.begin(key)
                    return Batch(lane, session, items)
        return soonest

    def _gathering(self, lane: Lane, session: OnnxSession, now: float) -> float:
        """How many seconds the images of `lane` that are ready may still wait for others."""
        if not lane.on_their_way or len(lane.ready) >= session.batch_limit:
            return 0.0
        return lane.ready[0].ready_at + self._limits.gathering_seconds - now

    def _taken(self, lane: Lane, session: OnnxSession) -> list[Item]:
        items, dropped = list[Item](), list[Item]()
        while lane.ready and len(items) < session.batch_limit:
            item = lane.ready.popleft()
            if item.request.is_over:
                dropped.append(item)
            else:
                items.append(item)
        lane.running += len(items)
        for item in dropped:
            self.leave(item)
        self.has_dropped = self.has_dropped or bool(dropped)
        return items

    def ran(self, batch: Batch, *, again: bool = False) -> None:
        """Its images are answered or drawn next; or, `again`, run once more."""
        batch.lane.running -= len(batch.items)
        self.sessions.end(batch.lane.model.key)
        if again:
            batch.lane.ready.extendleft(reversed(batch.items))

    def next_to_load(self) -> Load | None:
        """A model that is wanted and not loaded, whose memory is reserved: `loaded` must follow."""
        self.lacks_room = False
        for name, project in self._loading:
            for key, lane in project.lanes if not project.loading else ():
                if lane.is_empty or self.sessions.knows(key):
                    continue
                evicted = self.sessions.reserve(lane.model, self._is_wanted)
                if evicted is None:
                    self.lacks_room = True
                    continue
                self._loading.had_its_turn(name)
                project.loading += 1
                return Load(lane, evicted)
        return None

    def _is_wanted(self, key: ModelKey) -> bool:
        project = self._projects.get(key[0])
        lane = project.lanes.find(key) if project else None
        return lane is not None and not lane.is_empty

    def loaded(self, lane: Lane, session: OnnxSession | None) -> list[Request]:
        """None: it could not be loaded. Returns the requests that have to fail for that."""
        lane.project.loading -= 1
        self.sessions.loaded(lane.model.key, session)
        return [] if session else self.give_up(lane)

    def give_up(self, lane: Lane, items: Sequence[Item] = ()) -> list[Request]:
        """The requests of a model that cannot be used, those of the batch `items` among them. Their images are
        forgotten: those that are being decoded, once they are."""
        requests = dict.fromkeys(item.request for item in (*items, *lane.ready, *lane.waiting))
        for item in (*items, *lane.ready):
            lane.project.window -= 1
            self._forget(item)
        for item in lane.waiting:
            self._forget(item)
        lane.ready.clear()
        lane.waiting.clear()
        self.requests.difference_update(requests)
        self._tidy(lane)
        return list(requests)

    def leave(self, item: Item) -> None:
        """An image that was ready, or refused, is answered."""
        item.lane.project.window -= 1
        self._forget(item)
        self._tidy(item.lane)

    def _forget(self, item: Item) -> None:
        project = item.lane.project
        project.images -= 1
        project.bytes -= item.size
        self.images -= 1
        self.bytes -= item.size
        if item.request.is_over:
            self.requests.discard(item.request)

    def _tidy(self, lane: Lane) -> None:
        """Forget a lane, and a project, of which nothing is left."""
        project = lane.project
        if lane.is_empty and project.lanes.find(lane.model.key) is lane:
            project.lanes.drop(lane.model.key)
        if not (project.images or len(project.lanes)) and self._projects.get(project.name) is project:
            del self._projects[project.name]
            for turns in (self._decoding, self._running, self._loading):
                turns.drop(project.name)
