"""What is asked of the process that makes and shows evaluations, as it is sent to it: a message that says what, one
with the title of a picture, and one with a file. The answer begins with a byte that says whether it is what was asked
for, or why it cannot be."""

from typing import Literal

# Of predictions: their report, as `training.evaluation` keeps it. Of such a report: what is shown.
Shown = Literal["evaluation", "confusion", "confusion.csv", "confusion.svg", "reliability.svg", "mistakes"]
REPORT = "report"

_MADE, _REFUSED = b"+", b"-"


class NotEvaluated(Exception):
    """The file cannot be evaluated. The text says why."""


def pack(form: str, title: str, content: bytes) -> tuple[bytes, bytes, bytes]:
    """The messages of a request."""
    return form.encode(), title.encode(errors="replace"), content


def made(content: bytes) -> bytes:
    """The answer."""
    return _MADE + content


def refused(reason: str) -> bytes:
    """The answer to a file that cannot be evaluated."""
    return _REFUSED + reason.encode()


def unpack(answer: bytes) -> bytes:
    """What `made` was given. Raises NotEvaluated for what `refused` was given."""
    if answer[:1] == _REFUSED:
        raise NotEvaluated(answer[1:].decode())
    return answer[1:]
