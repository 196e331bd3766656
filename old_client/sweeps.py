"""Sweeps: several jobs that answer one question; and the questions that are ready-made."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from old_client.connection import ANY_CONNECTION_ERROR, CONNECTION_LOST, Connection, decode_response, path_to
from old_client.resources import Failure

FINAL = frozenset({"succeeded", "failed", "stopped", "cancelled", "deleted"})
WAIT_SECONDS = 20  # that a request waits for the end of a sweep


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep is."""

    jobs_over: int
    jobs: int
    percent: float  # of all epochs, 0 to 100


@dataclass(frozen=True, slots=True)
class TrialMetrics:
    """What a trial's job measured in one epoch."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One job of a sweep."""

    number: int  # from 1, in the order of the sweep
    values: dict[str, Any]  # by path into the spec
    label: str | None  # what the answer of an experiment calls it
    job_id: str
    status: str | None  # None: the job was deleted
    latest: TrialMetrics | None
    best: TrialMetrics | None
    error: Failure | None
    url: str | None


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """A sweep, without its trials."""

    id: str
    name: str | None
    experiment: str | None  # whose question it answers
    status: str
    jobs: dict[str, int]  # how many of each status
    progress: SweepProgress
    created_at: datetime
    links: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Sweep(SweepSummary):
    """Several jobs that answer one question."""

    spec: dict[str, Any]
    space: dict[str, list[Any]]
    trials: tuple[Trial, ...]

    @property
    def finished(self) -> bool:
        """Whether all of its jobs have ended."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of something that the textbook expects."""

    expectation: str
    outcome: str  # "confirmed", "contradicted", "undecided" or "missing"
    explanation: str


@dataclass(frozen=True, slots=True)
class AnsweredTrial:
    """What a trial of an experiment has come to."""

    label: str
    group: str | None
    job_id: str
    status: str | None
    epochs: int
    planned_epochs: int
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    test_accuracy_interval: tuple[float, ...] | None  # of 95 %: low and high
    seconds_per_epoch: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the question of an experiment, computed from what its jobs have measured."""

    sweep_id: str
    experiment: str
    title: str
    question: str
    expectation: str
    complete: bool  # whether all jobs have ended
    summary: str
    ranking: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    trials: tuple[AnsweredTrial, ...]
    created_at: datetime
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, and the jobs that answer it."""

    name: str
    title: str
    question: str
    expectation: str
    sizes: dict[str, Any]  # by "small" and "full": dataset, spec, trials and expectations
    url: str


@dataclass(frozen=True, slots=True)
class ExperimentList:
    """Every experiment that there is."""

    data: tuple[Experiment, ...]


class Sweeps:
    """The caller's sweeps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def submit(self, spec: Mapping[str, Any], space: Mapping[str, Sequence[Any]], **options: Any) -> Sweep:
        """Submit a job for every combination of the values in `space`, by path into the spec. `options` as for a job:
        `name`, `tags`, `priority`, `max_retries`, `accelerator`."""
        return self._make(path_to("sweeps"), {**options, "spec": spec, "space": space})

    def run(self, experiment: str, **options: Any) -> Sweep:
        """Submit the jobs of an experiment. `options`: `size` ("small" or "full"), `dataset`, `tags`, `priority`,
        `accelerator`."""
        return self._make(path_to("experiments", experiment), options)

    def experiments(self) -> Sequence[Experiment]:
        """The questions that are ready-made."""
        return self._connection.get(ExperimentList, path_to("experiments")).data

    def list(self) -> Iterator[SweepSummary]:
        """The sweeps, the newest first."""
        return self._connection.pages(SweepSummary, path_to("sweeps"))

    def get(self, sweep_id: str) -> Sweep:
        """How far it is, and what each trial has measured."""
        return self._connection.get(Sweep, path_to("sweeps", sweep_id))

    def looks(self, sweep_id: str) -> Iterator[Sweep]:
        """The sweep now, then again at least every WAIT_SECONDS, until all of its jobs have ended."""
        while True:
            answer = self._connection.request(
                "GET",
                path_to("sweeps", sweep_id),
                headers={"Prefer": f"wait={WAIT_SECONDS}"},
                retry_on=ANY_CONNECTION_ERROR,
                read_seconds=WAIT_SECONDS + 10.0,
            )
            sweep = decode_response(Sweep, answer)
            yield sweep
            if sweep.finished:
                return

    def cancel(self, sweep_id: str) -> Sweep:
        """Cancel those of its jobs that have not ended."""
        return self._connection.send(Sweep, "POST", f"{path_to('sweeps', sweep_id)}/cancel")

    def delete(self, sweep_id: str) -> None:
        """Delete it with its jobs, which must all have ended."""
        self._connection.request("DELETE", path_to("sweeps", sweep_id))

    def answer(self, sweep_id: str) -> Answer:
        """The answer to the question of an experiment, as far as its jobs have come."""
        return self._connection.get(Answer, f"{path_to('sweeps', sweep_id)}/answer")

    def answer_file(self, sweep_id: str, kind: Literal["html", "md", "svg", "png"] = "html") -> bytes:
        """The same as a document, or its curves."""
        path = f"{path_to('sweeps', sweep_id)}/answer.{kind}"
        return self._connection.request("GET", path, retry_on=CONNECTION_LOST).content

    def _make(self, path: str, body: Mapping[str, Any]) -> Sweep:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._connection.request("POST", path, body=body, headers=headers, retry_on=ANY_CONNECTION_ERROR)
        return decode_response(Sweep, answer)
