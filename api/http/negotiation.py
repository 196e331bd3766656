"""Content negotiation: which media type a client prefers."""

from collections.abc import Sequence

from api.http.errors import NotAcceptable

VARY = {"Vary": "Accept"}


def preferred(accept: Sequence[str], offered: Sequence[str]) -> str:
    """The media type of `offered` that these Accept headers rate highest (RFC 9110, 12.5.1); of equal ones the first.
    Raises NotAcceptable where they accept none."""
    ranges = [each for header in accept for each in header.split(",") if each.strip()]
    qualities = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: qualities[media_type])
    if not qualities[best]:
        detail = f"There is {' and '.join(offered)} at this address: one of them should be in Accept."
        raise NotAcceptable(detail)
    return best


def prefers(accept: Sequence[str], media_type: str, other: str) -> bool:
    """Whether these Accept headers rate `media_type` higher than `other`."""
    ranges = [each for header in accept for each in header.split(",") if each.strip()]
    return _quality(media_type, ranges) > _quality(other, ranges)


def _quality(media_type: str, ranges: Sequence[str]) -> float:
    """The weight that the most specific matching range gives; without an Accept header, 1."""
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
    """The parameter `q`; 1 where it is missing or invalid."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 1.0
            return weight if 0 <= weight <= 1 else 1.0
    return 1.0
