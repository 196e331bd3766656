"""The diagnosis of a job, made once for each of its revisions."""

import json
from dataclasses import replace

import numpy as np
import structlog

from api.dependencies import ProjectDatabase
from api.http.errors import EvaluationNotMade, NotEvaluable, StorageUnavailable
from api.service.evaluations import Evaluations
from api.service.service import Service
from api.views import diagnosis as views
from jobs import queries
from jobs.diagnosis_input import gather
from storage import StoredFile
from training.diagnosis import Run

MOST_CLASSES = 1000  # of a confusion matrix that is read: one of so many has 8 MB

log = structlog.get_logger()


def diagnosis(service: Service, database: ProjectDatabase, job_id: str) -> bytes:
    """As JSON. The evaluation is made after the transaction, since it may take seconds. Raises JobNotFound."""
    with database.snapshot() as session:
        revision, _ = queries.revision_of(session, job_id)
        if known := service.diagnoses.get(job_id, revision):
            return known
        found = gather(session, job_id)
    run, is_whole = found.run, True
    if found.predictions:
        run, is_whole = _with_confusion(run, service.evaluations, found.predictions)
    made = views.of_run(run).model_dump_json().encode()
    if is_whole:
        service.diagnoses.put(job_id, revision, made)
    return made


def _with_confusion(run: Run, evaluations: Evaluations, predictions: StoredFile) -> tuple[Run, bool]:
    """With the confusion matrix; and whether the answer may be kept: not where the storage is away for now."""
    try:
        report = json.loads(evaluations.of_predictions(predictions))
    except NotEvaluable:
        return run, True  # nor will they ever be
    except (EvaluationNotMade, StorageUnavailable) as error:
        log.warning("diagnosis without a confusion matrix", error=str(error))
        return run, False
    names = tuple(each["name"] for each in report["classes"])
    if len(names) > MOST_CLASSES:
        return run, True
    cells, matrix = report["confusion"], np.zeros((len(names), len(names)), np.int64)
    matrix[cells["labels"], cells["predicted"]] = cells["counts"]
    return replace(run, confusion=matrix, class_names=names), True
