"""A counter-based random number generator: numbers are functions of (seed, epoch, sample), without any state.

A sample gets the same numbers on every device, whatever was drawn before. So a resumed run, a run on another number of
devices and one with another batch size augment it alike.

The hash is splitmix64's finaliser (Steele, Lea and Flood 2014), on int64 tensors, whose products wrap.
"""

import math
from enum import IntEnum

import torch
from torch import Tensor

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
    RESIZED_CROP_AREA = 4
    RESIZED_CROP_RATIO = 5
    RESIZED_CROP_ROW = 6
    RESIZED_CROP_COLUMN = 7
    POLICY_CHOICE = 8
    POLICY_MAGNITUDE = 9
    POLICY_SIGN = 10
    POLICY_CHANCE = 11
    ROTATION = 12
    BRIGHTNESS = 13
    CONTRAST = 14
    SATURATION = 15
    HUE = 16
    CUTOUT_ROW = 17
    CUTOUT_COLUMN = 18
    ERASING_CHANCE = 19
    ERASING_AREA = 20
    ERASING_RATIO = 21
    ERASING_ROW = 22
    ERASING_COLUMN = 23
    MIXUP_SHARE = 24
    CUTMIX_CHANCE = 25
    CUTMIX_SHARE = 26
    CUTMIX_ROW = 27
    CUTMIX_COLUMN = 28


def permutation(count: int, seed: int, epoch: int, device: torch.device) -> Tensor:
    """The order of an epoch's samples: int64 [count], each of 0 to count - 1 once."""
    samples = torch.arange(count, device=device)
    return _bits(samples, seed, epoch, Purpose.ORDER).argsort(stable=True)


def integers(samples: Tensor, below: int | Tensor, seed: int, epoch: int, purpose: Purpose, number: int = 0) -> Tensor:
    """One integer a sample, uniform over 0 to below - 1: int64 [B] for samples int64 [B].

    `below`, at most 2**31, is one for all or int64 [B]. `number`, at most 2**32, tells apart what is drawn several
    times for one purpose, here and below.
    """
    high_half = _shift_right(_bits(samples, seed, epoch, purpose, number), 32)
    return (high_half * below) >> 32  # Lemire 2019; biased by less than below / 2**32


def uniforms(samples: Tensor, seed: int, epoch: int, purpose: Purpose, number: int = 0) -> Tensor:
    """One number a sample, uniform between 0 and 1, neither of which occurs: float64 [B], multiples of 2**-53."""
    return (_shift_right(_bits(samples, seed, epoch, purpose, number), 12).double() + 0.5) * 2.0**-52


def betas(samples: Tensor, alpha: float, seed: int, epoch: int, purpose: Purpose) -> Tensor:
    """One number a sample of the distribution Beta(alpha, alpha), for any alpha above 0: float64 [B], 0 to 1.

    To within 2**-53, and without rejection: (1 + t / sqrt(t² + 2 alpha)) / 2 has that distribution where t is
    Student's with 2 alpha degrees of freedom, for which Bailey 1994 gives a polar method (Devroye 1996, "Random
    variate generation in one line of code"). Takes numbers 0 and 1 of `purpose`. Devices may differ in the last of 53
    bits, as their powers and cosines do.
    """
    radius = uniforms(samples, seed, epoch, purpose, number=0) ** (-1 / alpha) - 1
    cosine = (uniforms(samples, seed, epoch, purpose, number=1) * (2 * math.pi)).cos()
    return 0.5 + 0.5 * cosine.sign() / (1 + 1 / (radius * cosine**2)).sqrt()


def _bits(samples: Tensor, seed: int, epoch: int, purpose: Purpose, number: int = 0) -> Tensor:
    stream = _mix(_mix(_mix(seed + _GOLDEN) + epoch) + purpose + (number << 32))
    mixed = samples * _signed(_GOLDEN) + _signed(stream)
    mixed = (mixed ^ _shift_right(mixed, 30)) * _signed(_FIRST)
    mixed = (mixed ^ _shift_right(mixed, 27)) * _signed(_SECOND)
    return mixed ^ _shift_right(mixed, 31)


def _mix(number: int) -> int:
    number &= _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)


def _shift_right(numbers: Tensor, places: int) -> Tensor:
    """Shift in zeros; torch shifts in the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    """The same 64 bits as torch reads them."""
    return number - (1 << 64) if number >> 63 else number
