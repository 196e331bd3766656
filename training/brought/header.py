"""The header of a safetensors file, read without believing it.

The format (https://github.com/huggingface/safetensors): 8 bytes, the header's length; the header, JSON; then the
tensors' bytes, one after the other, without gaps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

from training.brought.errors import WeightsRefused, shortened

LENGTH_BYTES = 8  # little-endian
MOST_HEADER_BYTES = 4 * 2**20  # ResNet-152's has 0.1 MB; our own have the names of all classes beside
MOST_TENSORS = 4000  # the largest network here has 3,000
MOST_DIMENSIONS = 8
MOST_BRACKETS = 100_000  # a tensor has three. A parser takes seconds for millions, in which nobody else is answered
LARGEST_DIMENSION = 2**31
_DTYPES = {8: "F64 I64 U64", 4: "F32 I32 U32", 2: "F16 BF16 I16 U16", 1: "I8 U8 BOOL F8_E4M3 F8_E5M2"}
BYTES_OF = {dtype: size for size, dtypes in _DTYPES.items() for dtype in dtypes.split()}

CONVERSION = (
    'python -c "import torch, safetensors.torch as s; '
    "s.save_file(torch.load('x.pth', weights_only=True), 'x.safetensors')\""
)
# What torch.save writes: a zip, or a pickle of protocol 2 to 5 on its own; or a gzip or tar around it.
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x1f\x8b")
_NO_SAFETENSORS = "It is no safetensors file"


class Source(Protocol):
    """A file that can be read from any place on, such as one that is open for reading."""

    def seek(self, place: int, /) -> object:
        """Read from there on, in bytes from the start."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end alone."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where a tensor lies: `begin` and `end` count from the start of the file, in bytes."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself, checked against its length."""

    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def read_header(source: Source, size_bytes: int) -> Header:
    """The header of the file `source`, which has `size_bytes`. Raises WeightsRefused for whatever is no sound
    safetensors file, and says how to convert one of torch's own."""
    source.seek(0)
    first = read_exactly(source, min(LENGTH_BYTES, size_bytes))
    refuse_pickle(first)
    length = int.from_bytes(first, "little")
    if len(first) < LENGTH_BYTES or length > size_bytes - LENGTH_BYTES:
        raise WeightsRefused(f"{_NO_SAFETENSORS}, or is not whole: send it as safetensors.torch.save_file writes it.")
    if length > MOST_HEADER_BYTES:
        raise WeightsRefused(f"Its header has {length:,} bytes, and may have {MOST_HEADER_BYTES:,}.")
    found = _parsed(read_exactly(source, length))
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsRefused(f"{_NO_SAFETENSORS}: its metadata should map texts to texts.")
    if not 0 < len(found) <= MOST_TENSORS:
        raise WeightsRefused(f"It has {len(found):,} tensors, and should have 1 to {MOST_TENSORS:,}.")
    start = LENGTH_BYTES + length
    tensors = {name: _entry(name, value, start) for name, value in found.items()}
    _require_whole(tensors, start, size_bytes)
    return Header(tensors, metadata)


def refuse_pickle(first: bytes) -> None:
    """Raises WeightsRefused where a file that begins with these bytes, LENGTH_BYTES or more, is one of torch's own."""
    # A header of 640 bytes begins like a pickle, too; but no pickle like so short a header.
    if first.startswith(_PICKLES) and int.from_bytes(first[:LENGTH_BYTES], "little") > MOST_HEADER_BYTES:
        raise WeightsRefused(
            f"It is a file of torch.save, a pickle: reading one runs whatever code is in it. Convert it: {CONVERSION}"
        )


def read_exactly(source: Source, size: int) -> bytes:
    """`size` bytes. Raises EOFError where there are fewer."""
    pieces = []
    while size:
        if not (piece := source.read(size)):
            raise EOFError("the file has become shorter")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _parsed(content: bytes) -> dict[str, Any]:
    if sum(map(content.count, (b"[", b"{"))) > MOST_BRACKETS:
        raise WeightsRefused(f"{_NO_SAFETENSORS}: its header has more than {MOST_BRACKETS:,} lists and objects.")
    try:
        found = json.loads(content.decode(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise WeightsRefused(f"{_NO_SAFETENSORS}: its header is no JSON, or says a name twice.") from error
    if not isinstance(found, dict):
        raise WeightsRefused(f"{_NO_SAFETENSORS}: its header should be a JSON object.")
    return found


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("repeated")
    return found


def _entry(name: str, value: object, start: int) -> TensorEntry:
    told = f"tensor {shortened(name)}"
    match value:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end], **rest} if not rest:
            pass
        case _:
            raise WeightsRefused(f"{_NO_SAFETENSORS}: {told} should have dtype, shape and data_offsets alone.")
    numbers = [*shape, begin, end]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise WeightsRefused(f"{_NO_SAFETENSORS}: {told} has a size or a place that is no number from 0 on.")
    if dtype not in BYTES_OF:
        raise WeightsRefused(f"The {told} has the dtype {shortened(dtype)}: save it as float32, float16 or bfloat16.")
    if len(shape) > MOST_DIMENSIONS or any(size > LARGEST_DIMENSION for size in shape):
        raise WeightsRefused(f"The {told} has more dimensions, or a larger one, than any of a network here.")
    if end - begin != prod(shape) * BYTES_OF[dtype]:
        raise WeightsRefused(f"{_NO_SAFETENSORS}, or is damaged: {told} has another length than its shape and dtype.")
    return TensorEntry(dtype, tuple(shape), start + begin, start + end)


def _require_whole(tensors: Mapping[str, TensorEntry], start: int, size_bytes: int) -> None:
    """Tensors lie one after the other, up to the end of the file."""
    place = start
    for entry in sorted(tensors.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != place:
            raise WeightsRefused(f"{_NO_SAFETENSORS}, or is damaged: its tensors overlap, or there are gaps.")
        place = entry.end
    if place != size_bytes:
        raise WeightsRefused(f"It is not whole, or has too much: {size_bytes:,} bytes in place of {place:,}.")
