"""Sizes in error messages."""

import pytest

from training.archives.limits import in_bytes

SIZES = {
    -(10**9999): "0 bytes",
    0: "0 bytes",
    1: "1 byte",
    1023: "1023 bytes",
    1024: "1 KiB",
    1536: "1.5 KiB",
    2**33: "8 GiB",
    2**40: "1 TiB",
    2**70 - 1: "1,024 EiB",
    2**70: "more than 1,024 EiB",
    10**9999: "more than 1,024 EiB",
}


@pytest.mark.parametrize(("size", "told"), SIZES.items(), ids=SIZES.values())
def test_every_int_can_be_told(size: int, told: str) -> None:
    assert in_bytes(size) == told
