"""Writes brought weights in our own form: float32, under our names, with our description. A chunk is in memory at a
time."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from training.brought.errors import WeightsRefused
from training.brought.header import LENGTH_BYTES, Source, TensorEntry, read_exactly
from training.brought.matching import Match
from training.plan.tensors import COUNTER
from training.weights_format import ENTRY, described, seal

CHUNK_BYTES = 4 * 2**20  # of what is read; float16 becomes twice as much
_ALIGNMENT = 8  # the header is filled up with spaces
_COUNT_BYTES = 8


def rewrite(source: Source, found: Match, about: Mapping[str, Any]) -> Iterator[bytes]:
    """The content of a weights file of ours, in pieces, of what `match` has found in `source`. `about`: its
    description, as `training.engine.weights` has it; that of a file of ours stays as it is, to the byte.

    The whole file is read before the first piece, and then again. Raises WeightsRefused for a weight that is no number
    or infinite, and for a file of ours that is damaged; OSError, and EOFError where `source` has become shorter.
    """
    plain = found.ours.plain if found.ours else json.dumps(about)
    checksum = _checksum(source, found, plain)
    if found.ours and checksum != found.ours.checksum:
        raise WeightsRefused("It is damaged, or was changed: its checksum is not that of its content. Bring it anew.")
    yield _header(found, seal(checksum, plain))
    for name in _in_order(found):
        yield from _content(source, found.tensors[name], name)


def _checksum(source: Source, found: Match, plain: str) -> str:
    digest = sha256(plain.encode())
    for name in sorted(found.shapes):
        digest.update(described(name, "int64" if name.endswith(COUNTER) else "float32", found.shapes[name]))
        for piece in _content(source, found.tensors[name], name):
            digest.update(piece)
    return digest.hexdigest()


def _in_order(found: Match) -> list[str]:
    """As safetensors writes them: the widest numbers first, and then by name."""
    return sorted(found.shapes, key=lambda name: (not name.endswith(COUNTER), name))


def _header(found: Match, sealed: str) -> bytes:
    header: dict[str, Any] = {"__metadata__": {ENTRY: sealed}}
    place = 0
    for name in _in_order(found):
        counts, shape = name.endswith(COUNTER), found.shapes[name]
        end = place + (_COUNT_BYTES if counts else 4 * int(np.prod(shape, dtype=np.int64)))
        header[name] = {"dtype": "I64" if counts else "F32", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _content(source: Source, entry: TensorEntry | None, name: str) -> Iterator[bytes]:
    """A tensor's bytes as we write them."""
    if entry is None:  # files of early releases of torch have no counts of batches, and nothing of ours needs them
        yield bytes(_COUNT_BYTES)
        return
    source.seek(entry.begin)
    left = entry.end - entry.begin
    while left:
        piece = read_exactly(source, min(CHUNK_BYTES, left))
        left -= len(piece)
        yield piece if entry.dtype == "I64" else _as_floats(piece, entry.dtype, name).tobytes()


def _as_floats(piece: bytes, dtype: str, name: str) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32]
    match dtype:
        case "BF16":  # the upper half of a float32
            values = np.left_shift(np.frombuffer(piece, "<u2").astype("<u4"), 16).view("<f4")
        case "F16":
            values = np.frombuffer(piece, "<f2").astype("<f4")
        case _:
            values = np.frombuffer(piece, "<f4")
    if not np.isfinite(values).all():
        raise WeightsRefused(f"Its {name} has weights that are NaN or infinite: the training that made them diverged.")
    if name.endswith("running_var") and (values < 0).any():
        raise WeightsRefused(f"Its {name} has variances below 0, which none is: the file is damaged.")
    return values
