"""Pictures of curves, each kept until its job changes or others need the room."""

from api.service.curve_renderer import CurveRenderer
from api.views.curve_data import CurveData, ImageFormat
from api.views.revision_cache import RevisionCache

MOST_BYTES = 32 * 1024 * 1024


class CurveCache:
    """By name and revision of the job. Safe between threads."""

    def __init__(self, renderer: CurveRenderer) -> None:
        self._renderer = renderer
        self._pictures = RevisionCache[bytes](MOST_BYTES, len)

    def get(self, name: str, revision: int) -> bytes | None:
        """What was drawn of that name and revision."""
        return self._pictures.get(name, revision)

    def draw(self, name: str, revision: int, data: CurveData, form: ImageFormat) -> bytes:
        """Another picture in place of what was drawn under the name before. The revision must have been read no later
        than `data`. Raises CurvesNotDrawn."""
        picture = self._renderer.draw(data, form)
        self._pictures.put(name, revision, picture)
        return picture
