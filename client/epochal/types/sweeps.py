"""Types of the API: sweeps.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal

from epochal.records import Record, record
from epochal.types.jobs import JobError
from epochal.types.words import JobStatus, SweepStatus


@record(frozen=True, slots=True, kw_only=True)
class SweepProgress(Record):
    """How far a sweep is."""

    jobs_over: int
    """Jobs that have ended, or were deleted."""
    jobs: int
    """Its trials, and the jobs that repeat one under another seed."""
    percent: float
    """Of all epochs of the jobs that are there, 0 to 100."""


@record(frozen=True, slots=True, kw_only=True)
class SweepLinks(Record):
    """URLs of a sweep."""

    self: str
    cancel: str
    jobs: str
    """The jobs of its trials, as GET /v1/jobs lists them."""
    answer: str | None = None
    """Of an experiment: the answer to its question."""


@record(frozen=True, slots=True, kw_only=True)
class TrialMetrics(Record):
    """What a trial's job measured in one epoch."""

    epoch: int
    """From 0."""
    train_loss: float
    """Mean cross-entropy in nats."""
    train_accuracy: float
    """A fraction in [0, 1], as the other accuracies."""
    test_loss: float | None = None
    test_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@record(frozen=True, slots=True, kw_only=True)
class Trial(Record):
    """One job of a sweep."""

    number: int
    """From 1, in the order of the sweep."""
    values: dict[str, Any]
    """What it has of the space, by path."""
    label: str | None = None
    """What the answer of an experiment calls it; None in a sweep of your own."""
    job_id: str
    status: JobStatus | None = None
    """None: the job was deleted."""
    latest: TrialMetrics | None = None
    """Of the last epoch trained."""
    best: TrialMetrics | None = None
    """Of the epoch with the highest accuracy."""
    error: JobError | None = None
    """None unless the job has failed."""
    url: str | None = None
    """The job. None: it was deleted."""


@record(frozen=True, slots=True, kw_only=True)
class SweepSummary(Record):
    """A sweep, without its trials."""

    id: str
    name: str | None = None
    experiment: str | None = None
    """Whose question it answers; None: a sweep of your own."""
    status: SweepStatus
    """It follows from its jobs. Once all have ended: `succeeded` if at least one has succeeded, otherwise `failed`,
    `stopped` or `cancelled`, the first of these that one of them is; `deleted`: all of them were deleted."""
    jobs: dict[str, int]
    """How many jobs there are of each status, with those that repeat a trial under another seed; `deleted`: trials
    that are gone."""
    progress: SweepProgress
    created_at: datetime.datetime
    links: SweepLinks


@record(frozen=True, slots=True, kw_only=True)
class Sweep(SweepSummary):
    """Several jobs that answer one question."""

    spec: dict[str, Any]
    """What all jobs have in common, as it was submitted."""
    space: dict[str, tuple[Any, ...]]
    """What varies, by path into the spec."""
    trials: tuple[Trial, ...]


@record(frozen=True, slots=True, kw_only=True)
class ExperimentTrial(Record):
    """A job that an experiment would make."""

    label: str
    group: str | None = None
    """Trials of one group are drawn in one chart."""
    values: dict[str, Any]
    """What it has of its own, by path into the spec."""


@record(frozen=True, slots=True, kw_only=True)
class ExperimentPreset(Record):
    """The jobs of an experiment at one size."""

    dataset: str
    """By default."""
    spec: dict[str, Any]
    """What the jobs have in common."""
    trials: tuple[ExperimentTrial, ...]
    expectations: tuple[str, ...]
    """What the textbook says will come out."""


@record(frozen=True, slots=True, kw_only=True)
class Experiment(Record):
    """A question, and the jobs that answer it."""

    name: str
    title: str
    question: str
    expectation: str
    """What the textbook says, and why."""
    sizes: dict[str, ExperimentPreset]
    url: str


@record(frozen=True, slots=True, kw_only=True)
class ExperimentList(Record):
    """Every experiment that there is."""

    data: tuple[Experiment, ...]


@record(frozen=True, slots=True, kw_only=True)
class AnsweredExpectation(Record):
    """What became of something that the textbook expects."""

    expectation: str
    outcome: Literal["confirmed", "contradicted", "undecided", "missing"]
    """`confirmed`, or `contradicted`: it came out the other way round; `undecided`: the difference is within what
    chance alone may make; `missing`: a trial has no final numbers."""
    explanation: str


@record(frozen=True, slots=True, kw_only=True)
class AnsweredTrial(Record):
    """What a trial has come to."""

    label: str
    group: str | None = None
    job_id: str
    status: JobStatus | None = None
    """None: the job was deleted."""
    epochs: int
    """Trained so far."""
    planned_epochs: int
    """What its spec asks for."""
    train_loss: float | None = None
    """Mean cross-entropy in nats."""
    train_accuracy: float | None = None
    """A fraction in [0, 1], as the test accuracy."""
    test_loss: float | None = None
    test_accuracy: float | None = None
    """Of the last epoch that was evaluated; with early stopping, of the epoch that it keeps."""
    test_accuracy_interval: tuple[float, float] | None = None
    """Of 95 %, by the number of test images (Wilson)."""
    seconds_per_epoch: float | None = None
    """The median."""


@record(frozen=True, slots=True, kw_only=True)
class AnswerLinks(Record):
    """URLs of an answer."""

    sweep: str
    picture: str
    """An SVG."""
    picture_png: str
    markdown: str
    html: str


@record(frozen=True, slots=True, kw_only=True)
class Answer(Record):
    """The answer to the question of an experiment, computed from what its jobs have measured."""

    sweep_id: str
    experiment: str
    title: str
    question: str
    expectation: str
    complete: bool
    """Whether the job of each trial has ended."""
    summary: str
    ranking: str
    """Which trial is best on the test split, and which cannot be told apart from it."""
    findings: tuple[AnsweredExpectation, ...]
    notes: tuple[str, ...]
    """How far this can be trusted."""
    trials: tuple[AnsweredTrial, ...]
    created_at: datetime.datetime
    links: AnswerLinks
