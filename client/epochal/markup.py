"""A job and a comparison as fragments of HTML, for notebooks: self-contained, without scripts, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from epochal.svg import picture
from epochal.terminal import formats
from epochal.terminal.columns import accuracy, progress
from epochal.terminal.comparison import difference_rows, last, letter, verdict_lines
from epochal.terminal.curves import comparison_plots, job_plots
from epochal.terminal.plot import Plot
from epochal.terminal.states import state_lines
from epochal.terminal.text import safe

if TYPE_CHECKING:
    from epochal.types import Comparison, EpochRow, Job

# Dark tones for light ground and light ones for dark. All else has the colour of the text around it.
_LIGHT = {
    "cyan": "#0e7490",
    "magenta": "#a21caf",
    "yellow": "#a16207",
    "blue": "#1d4ed8",
    "green": "#15803d",
    "red": "#b91c1c",
}
_DARK = {
    "cyan": "#22d3ee",
    "magenta": "#e879f9",
    "yellow": "#facc15",
    "blue": "#60a5fa",
    "green": "#4ade80",
    "red": "#f87171",
}
_STATUS = {"running": "cyan", "starting": "cyan", "succeeded": "green", "failed": "red", "paused": "yellow"}


def _colours(palette: dict[str, str]) -> str:
    return "".join(
        f".epochal .c-{name}{{stroke:{value};color:{value}}}.epochal .f.c-{name}{{fill:{value}}}"
        for name, value in palette.items()
    )


_STYLE = (
    "<style>.epochal{font:13px/1.45 system-ui,sans-serif;max-width:70em}"
    ".epochal h4{margin:0 0 .3em;font-size:15px}.epochal p{margin:.3em 0}"
    ".epochal table{font:inherit;border-collapse:collapse;margin:.5em 0}"
    ".epochal th,.epochal td{padding:.15em .9em .15em 0;text-align:left;vertical-align:top;background:none;border:0}"
    ".epochal .n{text-align:right;font-variant-numeric:tabular-nums}"
    ".epochal .k{display:inline-block;width:1.4em;border-top:3px solid;vertical-align:middle;margin:0 .35em 0 0}"
    ".epochal .l{margin-right:1.2em;white-space:nowrap}"
    ".epochal svg{max-width:100%;height:auto;margin-right:12px;overflow:visible}"
    ".epochal svg text{fill:currentColor;font:11px system-ui,sans-serif;stroke:none}"
    ".epochal svg .t{font-weight:600;font-size:13px}.epochal svg .e{text-anchor:end}.epochal svg .m{text-anchor:middle}"
    ".epochal svg polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}"
    ".epochal svg path{fill:none;stroke:currentColor;stroke-width:1}.epochal svg .a{opacity:.55}"
    ".epochal svg .g{opacity:.14}.epochal svg .b{opacity:.6;stroke-dasharray:3 3}"
    + _colours(_LIGHT)
    + "@media (prefers-color-scheme:dark){"
    + _colours(_DARK)
    + "}</style>"
)


def job_html(job: Job, rows: Sequence[EpochRow]) -> str:
    """The job, what it does or how it ended, its figures, and its curves if it has measured an epoch."""
    colour = _STATUS.get(job.status)
    status = f'<span class="{f"c-{colour}" if colour else ""}">{_text(job.status)}</span>'
    facts = [
        ("id", f"<code>{_text(job.id)}</code>"),
        ("data set", _text(job.dataset.name)),
        ("architecture", _text(job.spec["architecture"]["name"])),
        ("epochs", progress(job)),
    ]
    if job.best:
        facts.append(("best", f"{formats.percent(accuracy(job.best))} in epoch {job.best.epoch}"))
    body = [
        f"<h4>{_text(job.name or job.id)} &middot; {status}</h4>",
        *(f"<p>{_text(line)}</p>" for line in state_lines(job)),
        "<table>" + "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts) + "</table>",
        _pictures(job_plots(rows, job.best.epoch if job.best else None)),
    ]
    return _fragment(body)


def comparison_html(comparison: Comparison) -> str:
    """Jobs side by side: what they reached, in what their specs differ, the verdicts, and their curves."""
    titles = ("", "job", "status", "runs", "train loss", "test loss", "last", "best", "in epoch")
    rows = [[letter(place), *_compared(job)] for place, job in enumerate(comparison.jobs)]
    letters = [letter(place) for place in range(len(rows))]
    body = [
        _table(titles, rows, numbers_from=3),
        _table(("spec", *letters), difference_rows(comparison), numbers_from=99)
        if comparison.differences
        else "<p>Their specs do not differ.</p>",
        *(f"<p>{_text(line)}</p>" for line in verdict_lines(comparison)),
        _pictures(comparison_plots(comparison)),
    ]
    return _fragment(body)


def _compared(job: Any) -> list[str]:
    return [
        job.name or job.id,
        job.status,
        str(job.repeats),
        formats.loss(last(job.curves.train_loss)),
        formats.loss(last(job.curves.test_loss)),
        formats.percent(last(job.curves.test_accuracy)),
        formats.percent(accuracy(job.best)),
        formats.NONE if job.best is None else str(job.best.epoch),
    ]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        parts = (
            f"<{tag}{' class=n' if place >= numbers_from else ''}>{_text(text)}</{tag}>"
            for place, text in enumerate(row)
        )
        return f"<tr>{''.join(parts)}</tr>"

    return f"<table>{cells(titles, 'th')}{''.join(cells(row, 'td') for row in rows)}</table>"


def _pictures(plots: Sequence[Plot]) -> str:
    """The panels with one legend, which names each curve that has a value."""
    drawn = [picture(plot) for plot in plots]
    if not any(drawn):
        return ""
    curves = {
        curve.label: curve.colour for plot in plots for curve in plot.series if any(v is not None for v in curve.values)
    }
    keys = "".join(
        f'<span class="l"><span class="k c-{colour}"></span>{_text(label)}</span>' for label, colour in curves.items()
    )
    return f"<div>{''.join(drawn)}</div><p>{keys}</p>"


def _text(text: object) -> str:
    """Foreign text, harmless in HTML, and without controls that turn its order around."""
    return escape(safe(text))


def _fragment(body: Iterable[str]) -> str:
    return f'<div class="epochal">{_STYLE}{"".join(body)}</div>'
