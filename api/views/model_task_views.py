"""Turns rows of what is asked of trained models into response schemas."""

from api import schemas
from api.schemas.model_tasks import ModelTaskStatus
from api.views.trained_model_views import model_file, model_url
from models import ModelTask, Task, TaskStatus, TrainedModel


def export_url(row: ModelTask) -> str:
    """The URL of an export."""
    return f"{model_url(row.model_id)}/exports/{row.id}"


def export(row: ModelTask, task: Task | None, model: TrainedModel) -> schemas.ModelExport:
    """An export. `task` carries it out, and is None once it is over."""
    made = (row.result or {}).get("files", ())
    return schemas.ModelExport(
        id=row.id,
        model_id=row.model_id,
        status=status_of(row, task),
        formats=row.arguments["formats"],
        progress=progress_of(task),
        files=[model_file(model, each) for each in model.files if each["name"] in made],
        error=error_of(row),
        created_at=row.created_at,
        finished_at=row.finished_at,
        links=schemas.ExportLinks(self=export_url(row), model=model_url(row.model_id)),
    )


def evaluation_summary(row: ModelTask, task: Task | None) -> schemas.ModelEvaluationSummary:
    """An evaluation, without what was measured. `task` is as for `export`."""
    here = f"{model_url(row.model_id)}/evaluations/{row.id}"
    return schemas.ModelEvaluationSummary(
        id=row.id,
        model_id=row.model_id,
        status=status_of(row, task),
        dataset=row.arguments["dataset"],
        version=row.arguments["version"],
        split=row.arguments["split"],
        progress=progress_of(task),
        error=error_of(row),
        created_at=row.created_at,
        finished_at=row.finished_at,
        links=schemas.ModelEvaluationLinks(
            self=here,
            model=model_url(row.model_id),
            confusion=f"{here}/confusion",
            confusion_csv=f"{here}/confusion.csv",
            confusion_svg=f"{here}/confusion.svg",
            reliability_svg=f"{here}/reliability.svg",
            mistakes_png=f"{here}/mistakes.png",
        ),
    )


def evaluation(row: ModelTask, task: Task | None) -> schemas.ModelEvaluation:
    """The same with the figures; its `evaluation` is in a file."""
    figures = schemas.EvaluationFigures.model_validate(row.result, from_attributes=False) if row.result else None
    return schemas.ModelEvaluation(**dict(evaluation_summary(row, task)), figures=figures, evaluation=None)


def status_of(row: ModelTask, task: Task | None) -> ModelTaskStatus:
    """Whether it waits, a worker has it, or how it has ended."""
    if row.finished_at is None:
        return "running" if task is not None and task.status == TaskStatus.RUNNING else "queued"
    return "succeeded" if row.status == TaskStatus.SUCCEEDED else "failed"


def progress_of(task: Task | None) -> schemas.ModelTaskProgress | None:
    """How far the worker is that has it."""
    if task is None or task.status != TaskStatus.RUNNING or not task.progress:
        return None
    return schemas.ModelTaskProgress.model_validate(task.progress, from_attributes=False)


def error_of(row: ModelTask) -> schemas.ModelTaskError | None:
    """Why it has failed."""
    return schemas.ModelTaskError.model_validate(row.error, from_attributes=False) if row.error else None
