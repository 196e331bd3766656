"""Jobs in a notebook: a live curve in a cell, and plots with matplotlib where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from epochal.errors import LocalError
from epochal.markup import comparison_html, job_html

if TYPE_CHECKING:
    from epochal.types import EpochRow, Event, Job

__all__ = ["comparison_html", "job_html", "plot", "watch"]

SomeJob = TypeVar("SomeJob", bound="Job")

_SPLITS = ("train", "validation", "test")


def watch(
    jobs: Iterable[SomeJob],
    rows: Callable[[int], Iterable[EpochRow]],
    events: Callable[[int], Iterable[Event]] | None = None,
) -> SomeJob:
    """Show a job as it trains, until it has ended, and return it: in a notebook as curves that are redrawn in the cell,
    elsewhere as `epochal watch` does, with the same arguments as `epochal.terminal.following.Follow`.

    Interrupting the cell ends the display alone: the job trains on.
    """
    if not _in_notebook():
        from epochal.terminal.following import Follow

        return Follow(rows, events).run(jobs)
    return _watch_in_cell(jobs, rows)


def _watch_in_cell(jobs: Iterable[SomeJob], rows: Callable[[int], Iterable[EpochRow]]) -> SomeJob:
    from IPython.display import HTML, display, update_display  # type: ignore[import-not-found,unused-ignore]

    known: dict[int, EpochRow] = {}
    shown = handle = None
    job: SomeJob | None = None
    for job in jobs:
        seen = (len(job.attempts), job.latest and job.latest.recorded_at, job.status)
        if job.latest and seen != shown:
            # A later attempt may have measured epochs again that are known already.
            first = -1 if shown is None or shown[0] != seen[0] else max(known, default=-1)
            known |= {row.epoch: row for row in rows(first)}
        shown = seen
        content = HTML(job_html(job, list(known.values())))
        if handle is None:
            handle = display(content, display_id=True)
        else:
            update_display(content, display_id=handle.display_id)
    if job is None:
        raise ValueError("There is no job to show.")
    return job


def _in_notebook() -> bool:
    """Whether the code runs in a kernel, whose front end draws HTML; IPython in a terminal draws none."""
    import sys

    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # type: ignore[import-not-found,unused-ignore]

    return hasattr(get_ipython(), "kernel")


def plot(rows: Sequence[EpochRow], ax: Any = None, *, figure: str | None = None) -> Any:
    """Loss and accuracy over the epochs with matplotlib, side by side in a figure of their own; returns their axes, two
    of them. With `ax`, an axes of matplotlib's, one of the two is drawn into it and returned: `figure` is "loss" or
    "accuracy", which is the default.

    Raises LocalError if matplotlib is not installed, or `figure` is something else.
    """
    if figure not in (None, "loss", "accuracy"):
        raise LocalError(f"{figure!r} is no figure.", code="invalid_request", hint='"loss" or "accuracy".')
    if ax is not None or figure is not None:
        return _drawn(rows, _pyplot().gca() if ax is None else ax, figure or "accuracy")
    _, axes = _pyplot().subplots(1, 2, figsize=(10, 4), layout="constrained")
    return [_drawn(rows, one, name) for one, name in zip(axes, ("loss", "accuracy"), strict=True)]


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        hint = "pip install matplotlib; `epochal plot` draws in a terminal without it."
        raise LocalError("Plots need matplotlib, which is not installed.", code="package_missing", hint=hint) from error
    return pyplot


def _drawn(rows: Sequence[EpochRow], ax: Any, figure: str) -> Any:
    for split in _SPLITS:
        points = [(row.epoch, getattr(row, f"{split}_{figure}")) for row in rows]
        measured = [(epoch, value) for epoch, value in points if value is not None]
        if measured:
            ax.plot(*zip(*measured, strict=True), label=split, marker="o" if len(measured) == 1 else None)
    ax.set_xlabel("epoch")
    ax.set_ylabel(figure)
    if ax.lines:
        ax.legend()
    return ax
