"""Whether two states are the same."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def assert_same(found: Any, expected: Any) -> None:
    """To the bit; lists and tuples alike."""
    match expected:
        case Tensor():
            assert isinstance(found, Tensor)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            assert bits(found).equal(bits(expected))
        case Mapping():
            assert list(found) == list(expected)
            for key, each in expected.items():
                assert_same(found[key], each)
        case list() | tuple():
            assert isinstance(found, list)
            for one, other in zip(found, expected, strict=True):
                assert_same(one, other)
        case _:
            assert type(found) is type(expected)
            assert repr(found) == repr(expected)  # NaN is not equal to itself, and 0.0 is equal to -0.0
