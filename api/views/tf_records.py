"""TensorFlow's framing of records, of which an event file consists: length, its checksum, the record, its checksum.

TensorBoard's own `RecordWriter` computes the checksums byte by byte, and its import loads botocore, absl and a stub of
TensorFlow: 0.35 s and 28 MiB. Here the checksums of many records are computed together.
"""

import struct
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78  # of CRC-32C (RFC 3720, B.4), reflected
_MASK_DELTA = 0xA282EAD8  # a checksum of what has checksums in it would be weak: so they are rotated, and this is added


def _table() -> npt.NDArray[np.uint32]:
    entries = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entries = np.where(entries & 1, (entries >> 1) ^ np.uint32(_POLYNOMIAL), entries >> 1).astype(np.uint32)
    return entries


_TABLE = _table()


def framed(records: Sequence[bytes]) -> bytes:
    """The records as a file has them."""
    headers = [struct.pack("<Q", len(record)) for record in records]
    checksums = zip(headers, _masked_checksums(headers), records, _masked_checksums(records), strict=True)
    return b"".join(part for together in checksums for part in together)


def _masked_checksums(records: Sequence[bytes]) -> Sequence[bytes]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        by_length[len(record)].append(place)
    found: dict[int, bytes] = {}
    for length, places in by_length.items():
        together = np.frombuffer(b"".join(records[place] for place in places), np.uint8).reshape(len(places), length)
        checksums = _masked(_crc32c(together)).astype("<u4").tobytes()
        found |= {place: checksums[4 * number : 4 * number + 4] for number, place in enumerate(places)}
    return [found[place] for place in range(len(records))]


def _crc32c(records: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Of each row."""
    state = np.full(len(records), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(records.T):
        state = _TABLE[(state ^ column) & np.uint32(0xFF)] ^ (state >> np.uint32(8))
    return ~state


def _masked(checksums: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    rotated = (checksums >> np.uint32(15)) | (checksums << np.uint32(17))
    return rotated + np.uint32(_MASK_DELTA)
