"""Numbers in messages."""

from decimal import Decimal


def plain(number: float) -> str:
    """`number` with separators and without an exponent: 1,095,430 and 0.0001, never 1.09543e+06 and 1e-04."""
    exact = Decimal(repr(number))
    whole = exact == exact.to_integral_value() if exact.is_finite() else False
    return f"{exact:,.0f}" if whole else f"{exact:,f}"
