"""Evaluations of trained models that are done, without a worker."""

from jobs import model_tasks, tasks
from jobs.model_tasks import NewFile
from models import Task
from tests.stage import Stage
from training.evaluation import of_predictions, to_json
from training.images.predictions import Predictions
from worker.evaluating.figures import figures


def settle(stage: Stage, evaluation_id: str, found: Predictions) -> None:
    """As a worker does that has evaluated, with these predictions as its result."""
    report = of_predictions(found)
    with stage.database.session() as session:
        [task] = [each for each in session.query(Task) if each.arguments.get("asked") == evaluation_id]
        claim = tasks._claimed(task, "worker-1", 60)
    prefix = model_tasks.prefix_of(claim)
    files = [
        NewFile("report.json", stage.storage.put(f"{prefix}/report.json", to_json(report))),
        NewFile("mistakes.png", stage.storage.put(f"{prefix}/mistakes.png", b"a sheet")),
    ]
    with stage.database.session() as session:
        model_tasks.settle_evaluated(session, claim, dict(figures(report)), files)
