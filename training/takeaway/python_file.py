"""One Python file that predicts with onnxruntime, numpy and Pillow alone, with the network inside."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from training.takeaway.description import Description

LINE = 750  # bytes of the network a line, 1,000 characters: an editor opens it, and Python passes over it quickly

_PROGRAM = Path(__file__).parent / "standalone.py"
_MODEL = re.compile(r"^# The model\.\n.*?^# End of the model\.\n", re.DOTALL | re.MULTILINE)


def python_file(onnx: bytes, manifest: Mapping[str, Any]) -> bytes:
    """The text of model.py, UTF-8, 1.33 times as large as the network. `onnx` is a network under the contract of
    exports (uint8 NHWC `images` to `logits`). Names of classes stand in it as literals of ASCII alone, whatever they
    are. Raises KeyError and ValueError, as Description.of does.
    """
    model = _model(Description.of(manifest), hashlib.sha256(onnx).hexdigest())
    program, times = _MODEL.subn(lambda _: model, _PROGRAM.read_text(encoding="utf-8"))
    assert times == 1, "the program says where its model stands"
    written = BytesIO()
    written.write(program.encode())
    written.write(f"\n# The network, {len(onnx):,} bytes of ONNX in base64:\n".encode())
    for start in range(0, len(onnx), LINE):
        written.write(b"#" + base64.b64encode(onnx[start : start + LINE]) + b"\n")
    return written.getvalue()


def _model(described: Description, sha256: str) -> str:
    """The statements that make the program this model's."""
    classes = "".join(f"    {_literal(name)},\n" for name in described.classes)
    return (
        f"# The model.\nTITLE = {_literal(described.title)}\nCLASSES = (\n{classes})\n"
        f"SIZE, CHANNELS, RESIZE = {described.size:d}, {described.channels:d}, {_literal(described.resize)}"
        "  # pixels a side; 1 (grey) or 3 (RGB); crop, pad or stretch\n"
        f"TEMPERATURE = {described.temperature!r}  # what logits are divided by, so that probabilities are right as "
        f'often as they say\nNETWORK_SHA256 = "{sha256}"\n# End of the model.\n'
    )


def _literal(text: str) -> str:
    """A string literal of Python: JSON's are such, too, and have no quotes, backslashes or line ends left open."""
    return json.dumps(text)
