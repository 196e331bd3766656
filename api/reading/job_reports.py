"""The report of a job, from what is stored to a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from api.dependencies import ProjectDatabase
from api.http.errors import NotEvaluable
from api.reading.diagnosis import diagnosis
from api.reading.experiment_answers import answered
from api.schemas.diagnosis import Diagnosis
from api.service.service import Service
from api.views import translate
from api.views.curve_data import CurveData
from api.views.report.answers import answer_section
from api.views.report.document import Section
from api.views.report.html import to_html
from api.views.report.job_report import JobReport, job_report
from api.views.report.markdown import to_markdown
from jobs.records import JobRecord, record_of, version_of
from storage import StoredFile

ReportFormat = Literal["html", "md"]

MEDIA_TYPES: Mapping[ReportFormat, str] = {"html": "text/html", "md": "text/markdown"}
MAX_BYTES = 32 * 2**20  # of reports that are kept


@dataclass(frozen=True, slots=True)
class _Read:
    """What the database holds of a job, and the version of that."""

    version: int
    record: JobRecord
    curve_data: CurveData


def report_file(
    database: ProjectDatabase, service: Service, job_id: str, form: ReportFormat, sweeps: Sequence[str] = ()
) -> bytes:
    """Of a job in any state; the same bytes until the job changes. `sweeps`: of experiments, whose answers follow.
    Raises JobNotFound, SweepNotFound, NoExperiment, CurvesNotDrawn, EvaluationNotMade and StorageUnavailable."""
    name = f"{job_id}.{form}"
    with database.snapshot() as session:
        version = version_of(session, job_id)
        if not sweeps and (known := service.reports.get(name, version)):
            return known
        record = record_of(session, job_id)
        read = _Read(version, record, translate.curve_data(record.details, record.epochs))
    # After the transaction: it waits for other processes.
    told = Diagnosis.model_validate_json(diagnosis(service, database, job_id))
    pictured = form == "html"
    found = [answered(database, service.curve_cache, sweep_id, pictured=pictured) for sweep_id in sweeps]
    content = _written(read, told, service, form, [*map(answer_section, found)])
    if not sweeps:
        service.reports.put(name, version, content)
    return content


def _written(read: _Read, told: Diagnosis, service: Service, form: ReportFormat, answers: Sequence[Section]) -> bytes:
    job_id = read.record.details.job.id
    report = JobReport(
        record=read.record,
        address=translate.job_url(job_id),
        picture=_picture(read, service, job_id) if form == "html" and read.record.epochs else b"",
        diagnosis=told,
        evaluation=_evaluation(read.record, service),
    )
    document = job_report(report)
    document = replace(document, sections=[*document.sections, *answers])
    return (to_html(document) if form == "html" else to_markdown(document)).encode()


def _picture(read: _Read, service: Service, job_id: str) -> bytes:
    """Without a title, which the report says."""
    name, data = f"{job_id}.report.svg", read.curve_data
    untitled = CurveData("", "", data.planned, data.epochs, data.best)
    known = service.curve_cache.get(name, read.version)
    return known or service.curve_cache.draw(name, read.version, untitled, "svg")


def _evaluation(record: JobRecord, service: Service) -> Mapping[str, Any] | None:
    """None where the job has no predictions, or they cannot be evaluated."""
    stored = record.details.job.predictions
    if not stored:
        return None
    file = StoredFile(**stored)
    try:
        report = service.evaluations.of_predictions(file)
        told = service.evaluations.show(file, report, "evaluation", "")
    except NotEvaluable:
        return None
    found: Mapping[str, Any] = json.loads(told)
    return found
