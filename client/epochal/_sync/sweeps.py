# Made of epochal/_async/sweeps.py by client/unasync.py: change that one.
"""Sweeps: several jobs that answer one question; and the questions that are ready-made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from epochal import types
from epochal._http import given, path_to
from epochal._sync.following import poll
from epochal._sync.pages import Pages
from epochal._sync.resource import Resource
from epochal.statuses import SWEEP_FINAL


class Sweeps(Resource):
    """`client.sweeps`."""

    def create(
        self, spec: types.TrainingSpec | Mapping[str, Any], space: Mapping[str, Sequence[Any]], **options: Any
    ) -> types.Sweep:
        """Submit a job for every combination of the values in `space`, by path into the spec. `options` as for a job:
        `name`, `tags`, `priority`, `max_retries`, `accelerator`."""
        body = {**options, "spec": spec, "space": {path: [*values] for path, values in space.items()}}
        return self._requester.request("POST", path_to("sweeps"), json=body, makes_once=True, cast=types.Sweep)

    def list(self) -> Pages[types.SweepSummary]:
        """The newest first."""
        return Pages(self._requester, types.SweepSummary, path_to("sweeps"))

    def retrieve(self, sweep_id: str, *, sort: str | None = None) -> types.Sweep:
        """How far it is, and what each trial has measured. `sort` orders its trials."""
        query = given({"sort": sort})
        return self._requester.request("GET", path_to("sweeps", sweep_id), query=query, cast=types.Sweep)

    def poll(self, sweep_id: str, *, wait: float = 20.0) -> Iterator[types.Sweep]:
        """The sweep now, then again at least every `wait` seconds, until all of its jobs have ended."""
        return poll(self._requester, path_to("sweeps", sweep_id), types.Sweep, _is_over, wait)

    def wait(self, sweep_id: str) -> types.Sweep:
        """Wait until all of its jobs have ended."""
        for sweep in self.poll(sweep_id):
            last = sweep
        return last

    def cancel(self, sweep_id: str) -> types.Sweep:
        """Cancel those of its jobs that have not ended."""
        path = path_to("sweeps", sweep_id, "cancel")
        return self._requester.request("POST", path, repeatable=True, cast=types.Sweep)

    def delete(self, sweep_id: str) -> None:
        """Delete it with its jobs, which must all have ended."""
        self._requester.request("DELETE", path_to("sweeps", sweep_id))

    def answer(self, sweep_id: str) -> types.Answer:
        """The answer to the question of an experiment, as far as its jobs have come."""
        return self._requester.request("GET", path_to("sweeps", sweep_id, "answer"), cast=types.Answer)

    def answer_file(self, sweep_id: str, format: Literal["html", "md", "svg", "png"] = "html") -> bytes:
        """The same as a document, or its curves."""
        return self._bytes(path_to("sweeps", sweep_id, f"answer.{format}"))


class Experiments(Resource):
    """`client.experiments`: questions, each with the jobs that answer it."""

    def list(self) -> Pages[types.Experiment]:
        """Every experiment."""
        return Pages(self._requester, types.Experiment, path_to("experiments"))

    def retrieve(self, experiment: str) -> types.Experiment:
        """Its question, what to expect, and its jobs."""
        return self._requester.request("GET", path_to("experiments", experiment), cast=types.Experiment)

    def run(
        self,
        experiment: str,
        *,
        size: Literal["small", "full"] | None = None,
        dataset: str | None = None,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        accelerator: str | None = None,
    ) -> types.Sweep:
        """Submit its jobs. `small` is for two cores and minutes, `full` for a GPU."""
        options = {"size": size, "dataset": dataset, "priority": priority, "accelerator": accelerator}
        body = given({**options, "tags": None if tags is None else [*tags]})
        path = path_to("experiments", experiment)
        return self._requester.request("POST", path, json=body, makes_once=True, cast=types.Sweep)


def _is_over(sweep: types.Sweep) -> bool:
    return sweep.status in SWEEP_FINAL
