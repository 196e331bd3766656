"""The answers of experiments, from what is stored to documents."""

from api.dependencies import ProjectDatabase
from api.service.curve_cache import CurveCache
from api.views.curve_data import ImageFormat
from api.views.experiment_charts import chart_data
from api.views.report.answers import AnsweredExperiment
from api.views.sweep_views import sweep_url
from models import Sweep
from sweeps import queries
from sweeps.errors import NoExperiment
from sweeps.experiments import answering, catalogue, reading
from sweeps.experiments.definition import Experiment
from sweeps.experiments.results import TrialResult


def read(database: ProjectDatabase, sweep_id: str) -> tuple[Sweep, Experiment, list[TrialResult]]:
    """The trials of an experiment, as far as they have come. Raises SweepNotFound and NoExperiment."""
    with database.snapshot() as session:
        sweep = queries.find(session, sweep_id).sweep
        if sweep.experiment is None or sweep.experiment not in catalogue.EXPERIMENTS:
            raise NoExperiment(sweep_id)
        return sweep, catalogue.find(sweep.experiment), reading.trials_of(session, sweep)


def drawn(
    curve_cache: CurveCache, sweep: Sweep, found: Experiment, trials: list[TrialResult], form: ImageFormat
) -> bytes:
    """The curves of an experiment. Raises CurvesNotDrawn."""
    data = chart_data(found, trials, f"on {sweep.spec.get('dataset')}, {len(trials)} jobs")
    return curve_cache.draw_charts(f"{sweep.id}.answer.{form}", data, form)


def answered(
    database: ProjectDatabase, curve_cache: CurveCache, sweep_id: str, *, pictured: bool = True
) -> AnsweredExperiment:
    """What the report of an answer is made of. `pictured`: whether it holds the picture itself. Raises SweepNotFound,
    NoExperiment and CurvesNotDrawn."""
    sweep, found, trials = read(database, sweep_id)
    return AnsweredExperiment(
        sweep_id=sweep_id,
        experiment=found,
        trials=trials,
        answer=answering.answer(found, trials),
        picture=drawn(curve_cache, sweep, found, trials, "svg") if pictured else b"",
        address=f"{sweep_url(sweep_id)}/answer.svg",
    )
