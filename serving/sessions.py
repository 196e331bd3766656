"""Which models are loaded, within a bound on memory. The least recently used give way.

Nothing here locks: the predictor does, around every call.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from serving.onnx_session import OnnxSession, session_bytes
from serving.served_model import ModelKey, ServedModel


@dataclass(slots=True, eq=False)
class _Held:
    project: str
    bytes: int
    session: OnnxSession | None = None  # None: it is being loaded
    running: int = 0
    has_run: bool = False


class Sessions:
    """A model that is loaded stays at least until its first batch has run: models that are asked for by turns, and do
    not fit in together, get on all the same."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: OrderedDict[ModelKey, _Held] = OrderedDict()  # the least recently used first
        self.bytes = 0
        self.loads = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._held)

    def knows(self, key: ModelKey) -> bool:
        """Whether it is loaded, or being loaded."""
        return key in self._held

    def get(self, key: ModelKey) -> OnnxSession | None:
        """The session, if it is loaded."""
        held = self._held.get(key)
        return held.session if held else None

    def reserve(self, model: ServedModel, is_wanted: Callable[[ModelKey], bool]) -> list[OnnxSession] | None:
        """Make room for a model that is about to be loaded. Returns what had to give way, which the caller frees; None
        if there is no room now."""
        needed, evicted = session_bytes(model), list[OnnxSession]()
        victims = self._victims(model, needed, is_wanted)
        if victims is None:
            return None
        for key in victims:
            held = self._held.pop(key)
            self.bytes -= held.bytes
            assert held.session is not None
            evicted.append(held.session)
        self.evictions += len(victims)
        self._held[model.key] = _Held(model.project, needed)
        self.bytes += needed
        return evicted

    def _victims(self, model: ServedModel, needed: int, is_wanted: Callable[[ModelKey], bool]) -> list[ModelKey] | None:
        """What has to go; None: even then, there is no room.

        A project that has more than its share takes room from itself, so that another's models stay loaded.
        """
        projects = {held.project for held in self._held.values()} | {model.project}
        own = sum(held.bytes for held in self._held.values() if held.project == model.project)
        only_own = own > 0 and own + needed > self._most / len(projects)
        missing, victims = self.bytes + needed - self._most, list[ModelKey]()
        for key, held in self._held.items():
            if missing <= 0:
                break
            may_go = held.session is not None and not held.running and (held.has_run or not is_wanted(key))
            if may_go and (held.project == model.project or not only_own):
                victims.append(key)
                missing -= held.bytes
        return victims if missing <= 0 else None

    def loaded(self, key: ModelKey, session: OnnxSession | None) -> None:
        """Keep a session for which room was reserved. None: it could not be loaded."""
        if session is None:
            self.bytes -= self._held.pop(key).bytes
        else:
            self._held[key].session = session
            self.loads += 1

    def begin(self, key: ModelKey) -> None:
        """A batch of it runs now: it must stay."""
        self._held[key].running += 1
        self._held.move_to_end(key)

    def end(self, key: ModelKey) -> None:
        """The batch has run."""
        held = self._held[key]
        held.running -= 1
        held.has_run = True
