"""Drawn curves and charts. Each is kept until what it shows changes, or until newer ones need the memory."""

from hashlib import sha256

from api.service.curve_renderer import CurveRenderer
from api.views.chart_data import ChartData
from api.views.curve_data import CurveData, ImageFormat
from api.views.picture_requests import pack
from api.views.revision_cache import RevisionCache

MAX_BYTES = 32 * 1024 * 1024


class CurveCache:
    """Pictures by name and revision of the job. Thread-safe."""

    def __init__(self, renderer: CurveRenderer) -> None:
        self._renderer = renderer
        self._pictures = RevisionCache[bytes](MAX_BYTES, len)

    def get(self, name: str, revision: int) -> bytes | None:
        """The picture of that name, if it was drawn at that revision."""
        return self._pictures.get(name, revision)

    def draw(self, name: str, revision: int, data: CurveData, form: ImageFormat) -> bytes:
        """Draw a picture, and keep it in place of the one with the same name.

        Read `revision` before `data`, or in the same transaction: otherwise an old picture is kept under a new
        revision. Raises CurvesNotDrawn.
        """
        picture = self._renderer.draw(data, form)
        self._pictures.put(name, revision, picture)
        return picture

    def draw_charts(self, name: str, data: ChartData, form: ImageFormat) -> bytes:
        """The picture of that name, drawn unless the kept one shows the same. Raises CurvesNotDrawn."""
        revision = int.from_bytes(sha256(pack(data, form)).digest())
        known = self._pictures.get(name, revision)
        if known is None:
            known = self._renderer.draw(data, form)
            self._pictures.put(name, revision, known)
        return known
