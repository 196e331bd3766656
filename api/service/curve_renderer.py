"""Draws curves and charts in a process of its own."""

from api.http.errors import CurvesNotDrawn
from api.service.drawing_process import DrawingProcess, NotDrawn
from api.views.chart_data import ChartData
from api.views.curve_data import CurveData, ImageFormat
from api.views.picture_requests import pack


class CurveRenderer:
    """Draws one picture at a time. Thread-safe."""

    def __init__(self) -> None:
        self._process = DrawingProcess("api.views.drawing")

    def draw(self, data: CurveData | ChartData, form: ImageFormat) -> bytes:
        """Draw as `api.views.drawing.draw` does. Raises CurvesNotDrawn."""
        try:
            return self._process.ask([pack(data, form)])
        except NotDrawn as error:
            raise CurvesNotDrawn(str(error)) from error

    def close(self) -> None:
        """End the process, and wait for its end."""
        self._process.close()
