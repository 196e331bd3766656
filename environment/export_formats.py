"""The formats to which trained models are exported."""

from collections.abc import Sequence
from typing import Literal, get_args

ExportFormat = Literal["onnx", "python", "int8", "html", "torch"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
# 8 bits are fitted to images of the data set, and what they cost is measured on others.
NEEDS_IMAGES: frozenset[ExportFormat] = frozenset({"int8", "html"})
NONE = "none"


def export_formats(value: str | Sequence[str]) -> Sequence[str]:
    """Separated by commas; `none` for none. Raises ValueError."""
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
    if parts == [NONE]:
        return ()
    if not set(parts) <= set(EXPORT_FORMATS):
        raise ValueError(f"should be {NONE}, or some of {', '.join(EXPORT_FORMATS)}, with commas between them")
    return tuple(dict.fromkeys(parts))
