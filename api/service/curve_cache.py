"""Pictures that were drawn, each kept until its job changes or others need the room."""

from collections import OrderedDict
from threading import Lock

from api.service.curve_renderer import CurveRenderer
from api.views.curve_data import CurveData, Form

MOST_BYTES = 32 * 1024 * 1024
LARGEST_BYTES = MOST_BYTES // 8


class CurveCache:
    """By name and revision of the job. Safe between threads."""

    def __init__(self, renderer: CurveRenderer) -> None:
        self._draughtsman = renderer
        self._drawn: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def at(self, name: str, revision: int) -> bytes | None:
        """What was drawn of that name and revision."""
        with self._lock:
            found = self._drawn.get(name)
            if found is None or found[0] != revision:
                return None
            self._drawn.move_to_end(name)
            return found[1]

    def draw(self, name: str, revision: int, sketch: CurveData, form: Form) -> bytes:
        """Another picture in place of what was drawn under the name before. The revision must not have been read after
        what the sketch is of. Raises NotDrawn."""
        picture = self._draughtsman.draw(sketch, form)
        self._note(name, revision, picture)
        return picture

    def _note(self, name: str, revision: int, picture: bytes) -> None:
        if len(picture) > LARGEST_BYTES:
            return
        with self._lock:
            self._bytes += len(picture) - len(self._drawn.pop(name, (0, b""))[1])
            self._drawn[name] = (revision, picture)
            while self._bytes > MOST_BYTES:
                _, (_, dropped) = self._drawn.popitem(last=False)
                self._bytes -= len(dropped)
