"""ONNX Runtime Web, as it lies beside this file: see vendored/README.md."""

import base64
import gzip
import json
import re
from functools import cache
from pathlib import Path

_VENDORED = Path(__file__).parent / "vendored"
_LOADER, _WASM, _NOTICES = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm", "ThirdPartyNotices.txt"
_EXPORTS = re.compile(r"export\{[^}]*?([\w$]+) as default[^}]*\};?\s*(//# sourceMappingURL=\S+\s*)?$")


@cache
def loader_source() -> str:
    """JavaScript that leaves the library as the global `ort`. A module within a page can export to nobody, so its last
    statement, the exports, becomes an assignment."""
    source = gzip.decompress((_VENDORED / f"{_LOADER}.gz").read_bytes()).decode()
    changed, times = _EXPORTS.subn(lambda exports: f"globalThis.ort={exports[1]};\n", source)
    assert times == 1, f"{_LOADER} does not end as it did"
    return changed


def packed_wasm() -> bytes:
    """The machine code, compressed with gzip, in base64."""
    return base64.b64encode((_VENDORED / f"{_WASM}.gz").read_bytes())


def packed_notices() -> bytes:
    """The licences of all that is in it, as text, compressed with gzip, in base64."""
    version = json.loads((_VENDORED / "vendored.json").read_text())["version"]
    text = f"ONNX Runtime Web {version}\n\n".encode()
    text += (_VENDORED / "LICENSE").read_bytes() + b"\n" + gzip.decompress((_VENDORED / f"{_NOTICES}.gz").read_bytes())
    return base64.b64encode(gzip.compress(text, 9, mtime=0))
