"""`python -m api.views.drawing` is the process that draws for `api.service.curve_renderer`."""

import os
import signal
import sys

from api.views import charts, curves
from api.views.chart_data import ChartData
from api.views.curve_data import CurveData, ImageFormat
from api.views.picture_requests import unpack
from api.views.pipe_messages import read, write

NICENESS = 10  # requests for pictures take a little longer, so that no other request does


def main() -> None:
    """Draw each request on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    while True:
        try:
            data, form = unpack(read(sys.stdin.buffer))
        except EOFError:
            return
        write(sys.stdout.buffer, draw(data, form))


def draw(data: CurveData | ChartData, form: ImageFormat) -> bytes:
    """The curves of a job, or the charts of an experiment."""
    return curves.draw(data, form) if isinstance(data, CurveData) else charts.draw(data, form)


if __name__ == "__main__":
    main()
