"""In which form a client wants its answer."""

from collections.abc import Sequence

from api.http.errors import NotAcceptable

VARY = {"Vary": "Accept"}


def preferred(accept: Sequence[str], offered: Sequence[str]) -> str:
    """Of `offered`, in the order in which we like to send them, what a request with these Accept headers likes best
    (RFC 9110, section 12.5.1). Raises NotAcceptable where it takes none of them."""
    ranges = [each for header in accept for each in header.split(",") if each.strip()]
    qualities = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: qualities[media_type])
    if not qualities[best]:
        detail = f"There is {' and '.join(offered)} at this address: one of them should be in Accept."
        raise NotAcceptable(detail)
    return best


def _quality(media_type: str, ranges: Sequence[str]) -> float:
    """What the most specific range that fits says; without any range, everything is fine."""
    if not ranges:
        return 1.0
    wildcards = {media_type: 2, f"{media_type.partition('/')[0]}/*": 1, "*/*": 0}
    fitting: list[tuple[int, float]] = []
    for each in ranges:
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if name in wildcards:
            fitting.append((wildcards[name], _weight(parameters)))
    return max(fitting)[1] if fitting else 0.0


def _weight(parameters: Sequence[str]) -> float:
    """1 where nothing is said, or nothing that makes sense."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 1.0
            return weight if 0 <= weight <= 1 else 1.0
    return 1.0
