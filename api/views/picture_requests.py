"""What is sent to the process that draws curves and charts."""

import json
from dataclasses import asdict

from api.views.chart_data import ChartData
from api.views.curve_data import CurveData, ImageFormat


def pack(data: CurveData | ChartData, form: ImageFormat) -> bytes:
    """The message that requests a picture. Equal data give equal messages."""
    return json.dumps([type(data).__name__, asdict(data), form]).encode()


def unpack(message: bytes) -> tuple[CurveData | ChartData, ImageFormat]:
    """The inverse of `pack`."""
    kind, fields, form = json.loads(message)
    return (CurveData.of(fields) if kind == CurveData.__name__ else ChartData.of(fields)), form
