"""What the service's programs must not have written into their logs, even if nobody else noticed anything."""

import re
from collections.abc import Iterator

# A line is bad where it says that something failed by itself, and not that something else was away.
BAD = re.compile(
    r"level=(error|critical)\b|Traceback \(most recent call last\)|Exception in thread|Fatal Python error"
    r"|\bPANIC: |\bERROR: "
)

# What faults of the run bring about by themselves, by the log that it stands in, each with its reason.
EXPECTED: tuple[tuple[str, str, str], ...] = (
    ("worker", r"event=\"consumer: Cannot connect to redis", "the broker is away; Celery says so, and tries again"),
    (
        "postgresql",
        r"canceling statement due to (lock|statement) timeout",
        "another process stands still with the lock",
    ),
    ("postgresql", r"cannot execute .* in a read-only transaction", "the database was made read-only"),
    ("postgresql", r"could not serialize access", "two readers of one state; repeated by the service"),
)
MOST_CHARACTERS = 300


def unexpected(name: str, content: str) -> Iterator[str]:
    """Lines of the log of the program `name`; of a traceback, its last line too."""
    lines = content.splitlines()
    for place, line in enumerate(lines):
        if BAD.search(line) and not any(name.startswith(log) and re.search(what, line) for log, what, _ in EXPECTED):
            end = _last_line(lines, place) if line.startswith("Traceback") else ""
            yield f"{name}: {line[:MOST_CHARACTERS]}{end[:MOST_CHARACTERS]}"


def _last_line(lines: list[str], place: int) -> str:
    """Of a traceback that begins at `place`: what was raised stands there, without an indent."""
    return next((f" … {line}" for line in lines[place + 1 :] if line and not line.startswith(" ")), "")
