"""Random numbers as functions of (seed, epoch, sample): no generator, so no state to save or to share.

Wherever a sample is drawn, whatever was drawn before it, on whichever device, it gets the same numbers. So a
resumed job, another number of workers or another batch size sees the same data.

The hash is splitmix64's finaliser (Steele, Lea and Flood 2014), on int64 tensors, whose products wrap.
"""

from enum import IntEnum

import torch

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


class Purpose(IntEnum):
    """What a number is drawn for; each purpose has a stream of its own. A value never changes its meaning."""

    ORDER = 0
    CROP_ROW = 1
    CROP_COLUMN = 2
    FLIP = 3


def permutation(count: int, seed: int, epoch: int, device: torch.device) -> torch.Tensor:
    """The order of an epoch's samples: int64 [count], each of 0 to count - 1 once."""
    samples = torch.arange(count, device=device)
    return _bits(samples, seed, epoch, Purpose.ORDER).argsort(stable=True)


def integers(samples: torch.Tensor, below: int, seed: int, epoch: int, purpose: Purpose) -> torch.Tensor:
    """One integer a sample, uniform over 0 to below - 1 (below at most 2**31): int64 [B] for samples int64 [B]."""
    high_half = _shift_right(_bits(samples, seed, epoch, purpose), 32)
    return (high_half * below) >> 32  # Lemire 2019; biased by less than below / 2**32


def _bits(samples: torch.Tensor, seed: int, epoch: int, purpose: Purpose) -> torch.Tensor:
    stream = _mix(_mix(_mix(seed + _GOLDEN) + epoch) + purpose)
    mixed = samples * _signed(_GOLDEN) + _signed(stream)
    mixed = (mixed ^ _shift_right(mixed, 30)) * _signed(_FIRST)
    mixed = (mixed ^ _shift_right(mixed, 27)) * _signed(_SECOND)
    return mixed ^ _shift_right(mixed, 31)


def _mix(number: int) -> int:
    number &= _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)


def _shift_right(numbers: torch.Tensor, places: int) -> torch.Tensor:
    """Shift in zeros; torch shifts in the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    """The same 64 bits as torch reads them."""
    return number - (1 << 64) if number >> 63 else number
