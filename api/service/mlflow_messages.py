"""What the API and the program that writes to an MLflow server tell each other: one JSON object each way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_PARAMETERS, MOST_METRICS = 100, 1000  # of one request to the server, which refuses more
LONGEST_VALUE, LONGEST_TAG = 6000, 5000  # characters that a server takes of a parameter and of a tag

Failure = Literal["not_installed", "unavailable", "refused"]


@dataclass(frozen=True, slots=True)
class ExportedEpoch:
    """What an epoch has measured, by name. `milliseconds` since 1970."""

    epoch: int
    milliseconds: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """A job as a run. Times are in milliseconds since 1970; `ended` is None while it is not over."""

    uri: str
    username: str | None
    password: str | None
    experiment: str
    job_id: str
    run_name: str
    status: str  # as MLflow calls it
    started: int
    ended: int | None
    parameters: dict[str, str]
    tags: dict[str, str]
    epochs: Sequence[ExportedEpoch]


@dataclass(frozen=True, slots=True)
class ExportAnswer:
    """`failure`, or the run that the job is now. `is_new`: whether it was made. `epochs`: how many were sent."""

    failure: Failure | None = None
    run_id: str = ""
    is_new: bool = False
    epochs: int = 0
