"""What an experiment's picture shows: a curve for each trial."""

from collections.abc import Mapping, Sequence

from api.views.chart_data import Chart, ChartData, Curve
from sweeps.experiments.definition import AxisName, Experiment, Panel
from sweeps.experiments.results import TrialResult

HIGHEST_LOSS = 100.0  # nats: a loss that is greater is drawn there
LOWEST = 1e-12  # what is smaller is drawn there: a logarithmic axis has no 0

ACROSS: Mapping[AxisName, str] = {
    "epoch": "epochs trained",
    "step": "steps made",
    "layer": "layer, from the input on",
    "rate": "learning rate",
}


def chart_data(experiment: Experiment, trials: Sequence[TrialResult], subtitle: str) -> ChartData:
    """The charts of which anything is measured, or else the first one. A trial looks the same in all charts of its
    group."""
    charts = [_chart(panel, trials) for panel in experiment.panels]
    measured = [chart for chart in charts if any(curve.points for curve in chart.curves)]
    return ChartData(experiment.title, subtitle, measured or charts[:1])


def _chart(panel: Panel, trials: Sequence[TrialResult]) -> Chart:
    is_share = panel.measured.endswith("accuracy")
    shown = [trial for trial in trials if panel.group in (None, trial.group)]
    curves = [
        Curve(trial.label, place, [(x, y if is_share else max(y, LOWEST)) for x, y in _points(panel, trial)])
        for place, trial in enumerate(shown)
    ]
    return Chart(panel.title, ACROSS[panel.by], panel.is_log, is_share, curves)


def _points(panel: Panel, trial: TrialResult) -> list[tuple[float, float]]:
    if panel.measured == "range_test":
        return [(rate, min(loss, HIGHEST_LOSS)) for rate, loss in trial.range_test if rate > 0]
    if panel.measured == "gradient_norm":
        layers = trial.epochs[0].layers if trial.epochs else ()
        return [(float(place), norm) for place, (_, norm) in enumerate(layers, start=1) if norm > 0]
    found: list[tuple[float, float]] = []
    for epoch in trial.epochs:
        value = getattr(epoch, panel.measured)
        x = trial.step_at(epoch) if panel.by == "step" else epoch.epoch + 1
        if value is not None and x is not None:
            found.append((float(x), min(value, HIGHEST_LOSS)))
    return found
