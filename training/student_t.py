"""Student's t distribution. Torch-free, and without SciPy, which would be the API's largest package."""

import math
from functools import lru_cache
from statistics import NormalDist

TINY = 1e-300
PRECISION = 1e-14
MOST_TERMS = 10_000
MOST_STEPS = 200
NORMAL = NormalDist()


@lru_cache(4096)
def t_quantile(probability: float, freedom: float) -> float:
    """The value that a variable with `freedom` degrees of freedom, above 0, is below with `probability`, in (0, 1)."""
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, math.inf  # the quantile lies between
    value = NORMAL.inv_cdf(probability)
    for _ in range(MOST_STEPS):
        excess = t_distribution(value, freedom) - probability
        low, high = (low, value) if excess > 0 else (value, high)
        following = value - excess / _density(value, freedom)
        if not low <= following <= high:  # Newton's method may leave the interval far from the quantile
            following = (low + high) / 2 if high < math.inf else 2 * value + 1
        if abs(following - value) <= PRECISION * abs(following):
            break
        value = following
    return value


def t_distribution(value: float, freedom: float) -> float:
    """With which probability a variable with `freedom` degrees of freedom is below `value`."""
    tail = _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + value**2)) / 2
    return tail if value < 0 else 1 - tail


def _density(value: float, freedom: float) -> float:
    logarithm = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    return math.exp(logarithm - (freedom + 1) / 2 * math.log1p(value**2 / freedom))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by the continued fraction of DLMF 8.17.22."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):  # where the fraction of the mirrored one converges faster
        return 1 - _incomplete_beta(b, a, 1 - x)
    logarithm = a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    return math.exp(logarithm) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """Evaluated by Lentz's method."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, MOST_TERMS):
        half = term // 2
        if term % 2:
            numerator = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            numerator = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        lower = 1 / _not_zero(1 + numerator * lower)
        upper = _not_zero(1 + numerator / upper)
        value *= upper * lower
        if abs(upper * lower - 1) < PRECISION:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
