"""Columns of tables that only the command line shows; `epochal.terminal.columns` has the others."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from epochal.terminal import columns, formats
from epochal.terminal.tables import Column, number


def _trial_values(trial: Any, _now: datetime) -> str:
    return ", ".join(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in trial.values.items())


FILES = (
    Column("FILE", lambda file, _: file.name, 9, least=16),
    number("SIZE", lambda file, _: formats.size(file.bytes), 8),
    Column("SHA-256", lambda file, _: file.sha256, 4, least=12),
)
TRIALS = (
    number("TRIAL", lambda trial, _: trial.number, 9),
    Column("VALUES", lambda trial, _: trial.label or _trial_values(trial, _), 8, least=20),
    Column("STATUS", lambda trial, _: trial.status or "deleted", 8, colour=columns.status_colour),
    number("LAST", lambda trial, _: formats.percent(columns.accuracy(trial.latest)), 6),
    number("BEST", lambda trial, _: formats.percent(columns.accuracy(trial.best)), 7),
    Column("JOB", lambda trial, _: trial.job_id, 5, id=True),
)
SWEEPS = (
    columns.ID,
    Column("NAME", lambda sweep, _: sweep.name, 6, least=12),
    Column("EXPERIMENT", lambda sweep, _: sweep.experiment, 7, least=12),
    columns.STATUS,
    number("JOBS", lambda sweep, _: f"{sweep.progress.jobs_over}/{sweep.progress.jobs}", 8),
    number("DONE", lambda sweep, _: f"{sweep.progress.percent:.0f} %", 5),
    columns.CREATED,
)
EXPERIMENTS = (
    Column("EXPERIMENT", lambda experiment, _: experiment.name, 9, least=16),
    Column("QUESTION", lambda experiment, _: experiment.question, 8, least=30),
)
ARCHITECTURES = (
    Column("ARCHITECTURE", lambda architecture, _: architecture.name, 9, least=16),
    number("PARAMETERS", lambda architecture, _: formats.count(architecture.sizes[0].parameters), 8),
    Column("FAMILY", lambda architecture, _: architecture.title, 5, least=16),
)
PREDICTIONS = (
    Column("PICTURE", lambda row, _: row["picture"], 8, least=16),
    Column("LABEL", lambda row, _: row["label"], 9, least=12),
    number("PROBABILITY", lambda row, _: formats.percent(row["probability"]), 8),
)
ALIASES = (
    Column("NAME", lambda alias, _: alias.name, 8, least=12),
    Column("ALIAS", lambda alias, _: alias.alias, 9, least=12),
    number("VERSION", lambda alias, _: alias.version, 9),
    Column("MOVED", lambda alias, now: formats.ago(alias.moved_at, now), 4),
)
RESULTS = (
    Column("DATA SET", lambda result, _: result.dataset, 9),
    Column("ARCHITECTURE", lambda result, _: result.architecture, 8),
    number("EPOCHS", lambda result, _: result.epochs, 8),
    number("SEEDS", lambda result, _: len(result.seeds), 5),
    number("TEST ACC", lambda result, _: formats.percent(result.test_accuracy_mean), 9),
    number("TIME", lambda result, _: formats.seconds(result.seconds), 6),
    Column("DEVICE", lambda result, _: result.device, 4, least=12),
)
