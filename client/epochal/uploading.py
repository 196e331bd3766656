"""What an upload decides without sending anything: what it asks for, what its progress is, and when it gives up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from epochal.errors import APIStatusError, EpochalError, LocalError
from epochal.patience import before_retry, may_pass

if TYPE_CHECKING:
    from epochal.checking import Look
    from epochal.types import Upload

T = TypeVar("T")

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # of a data set, as the API takes it
SEEDS = 2**53  # from 0 on, as the API takes them

# Bytes that are sent in one request. The service stores parts of the largest size. Over a slow line, smaller ones show
# the progress more often; where a proxy in between takes no body as large, they are what comes through.
SMALLEST_PART, FIRST_PART, LARGEST_PART = 2**18, 2**20, 8 * 2**20
PART_SECONDS = 2.0  # that a part should take

FIRST_WAIT, LONGEST_WAIT = 0.25, 10.0  # seconds; each wait is twice the one before
PATIENCE = 300.0  # seconds that are waited in all without a byte of progress: a service has started again by then

# Another request came first, or this one came twice: where the upload stands is asked for.
OUT_OF_STEP = frozenset({"mismatching_upload_offset", "upload_complete"})
TOO_LARGE, WHOLE_TOO_LARGE = 413, "upload_too_large"  # the code is the service's own, of the file and not of a part

Stage = Literal["looking", "hashing", "sending", "validating"]


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload is. `done` and `total` are files or members while it looks, bytes while it hashes and sends,
    and steps of the service's validation; `total` is None where it is not known. `detail` says which step that is, or
    for what is waited. `look` is what was found, once it has looked."""

    stage: Stage
    done: int
    total: int | None
    detail: str | None = None
    look: Look | None = None


OnProgress = Callable[[UploadProgress], None]


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """The body that begins an upload. An upload that was made with an equal one is the same upload."""

    dataset: str
    bytes: int
    sha256: str
    test_fraction: float
    seed: int

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "dataset": self.dataset,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "test_fraction": self.test_fraction,
            "seed": self.seed,
        }

    def is_of(self, upload: Upload) -> bool:
        """Whether `upload` is of the same file into the same data set, and divided in the same way."""
        made = (upload.dataset, upload.bytes, upload.sha256, upload.test_fraction, upload.seed)
        return made == (self.dataset, self.bytes, self.sha256, self.test_fraction, self.seed)


class Sending:
    """How the sending of one file goes: how far it is, how large its next part should be, and how long errors that may
    pass are waited for. That ends once PATIENCE seconds were waited without a byte of progress."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = self._left = patience
        self._seconds = FIRST_WAIT
        self._furthest = -1
        self._largest = LARGEST_PART
        self.part_bytes = FIRST_PART

    def reach(self, at: int) -> None:
        """So many bytes have arrived. If they are more than ever before, errors are waited for anew."""
        if at > self._furthest:
            self._furthest, self._left, self._seconds = at, self._patience, FIRST_WAIT

    def took(self, count: int, seconds: float) -> None:
        """A part of `count` bytes was sent in so many seconds: the next one is to take PART_SECONDS."""
        wanted = int(PART_SECONDS * count / max(seconds, 0.001))
        self.part_bytes = min(max(wanted, SMALLEST_PART), self._largest)

    def wait(self, error: EpochalError) -> float:
        """Seconds to wait before the next try, at least as long as the service asks to. Raises `error` where it does
        not pass by itself, or it was waited for long enough."""
        if self._is_part_too_large(error):
            self._largest = self.part_bytes = max(self.part_bytes // 2, SMALLEST_PART)
            return 0.0
        if not may_pass(error) and error.code not in OUT_OF_STEP:
            raise error
        seconds = before_retry(self._seconds, error)
        if seconds > self._left:
            raise error
        self._left -= seconds
        self._seconds = min(2 * self._seconds, LONGEST_WAIT)
        return seconds

    def _is_part_too_large(self, error: EpochalError) -> bool:
        """Whether something in between takes no body of that size, and one of half the size can be tried."""
        is_large = isinstance(error, APIStatusError) and error.status_code == TOO_LARGE
        return is_large and error.code != WHOLE_TOO_LARGE and self.part_bytes > SMALLEST_PART


def check_name(name: str) -> None:
    """Raises LocalError where no data set can be called so: better before a large folder is read than after."""
    if re.fullmatch(NAME, name) is None:
        rule = "letters, digits, dots, underscores and hyphens, 64 at most, and a letter or digit first"
        raise LocalError(f"The name of a data set should be {rule}, not {name!r}", code="invalid_request")


def check_split(test_fraction: float, seed: int) -> None:
    """Raises LocalError where the API would refuse them, and says the same."""
    if not test_fraction > 0:
        raise LocalError(f"test_fraction should be more than 0, not {test_fraction}", code="invalid_request")
    if not test_fraction < 1:
        raise LocalError(f"test_fraction should be less than 1, not {test_fraction}", code="invalid_request")
    if seed < 0:
        raise LocalError(f"seed should be at least 0, not {seed}", code="invalid_request")
    if seed >= SEEDS:
        raise LocalError(f"seed should be less than {SEEDS:,}, not {seed}", code="invalid_request")


def next_step(steps: Iterator[T]) -> T | None:
    """The next one; None at the end."""
    return next(steps, None)
