"""The report of a job: what a student hands in, and a team pins to a wall."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.schemas.diagnosis import Diagnosis
from api.views.report.differences import differences
from api.views.report.document import Block, Document, Paragraph, Section, Settings
from api.views.report.evaluation import where_it_is_wrong
from api.views.report.findings import findings
from api.views.report.headline import opening
from api.views.report.measurements import curves, log, time_and_device
from api.views.report.origin import origin
from api.views.report.seeds import under_several_seeds
from api.views.report.settings import settings
from jobs.records import JobRecord
from training.spec import ResolvedSpec, UnknownSpec


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a report is made of. `picture`: the curves as an SVG; empty for a text that holds none. `evaluation`: as
    `GET /v1/jobs/{job_id}/evaluation` answers; None where there is none. `address`: of the job, for links."""

    record: JobRecord
    address: str
    picture: bytes
    diagnosis: Diagnosis
    evaluation: Mapping[str, Any] | None


def job_report(report: JobReport) -> Document:
    """Equal reports give equal documents: nothing in it is of the time when it is made."""
    job = report.record.details.job
    spec = ResolvedSpec.to_show(job.spec)
    sections = [Section(title, blocks) for title, blocks in _sections(report, spec) if blocks]
    kind = f"Training report · {job.id}"
    return Document(
        kind, job.name or f"{spec.architecture.name} on {spec.dataset}", opening(report.record, spec), sections
    )


def _sections(report: JobReport, spec: ResolvedSpec) -> Iterator[tuple[str, Sequence[Block]]]:
    record = report.record
    yield "Curves", curves(record, report.picture, report.address)
    yield "Under several seeds", under_several_seeds(record)
    yield "What the curves say", findings(report.diagnosis, has_ended=record.manifest.complete)
    yield "Where it is wrong", where_it_is_wrong(report.evaluation)
    if isinstance(spec, UnknownSpec):
        yield "Settings", [Paragraph(["A later release has written this spec: it cannot be explained here."])]
    else:
        yield "Settings", [Settings([*settings(spec, record.facts)])]
        yield differences(spec)
    yield "Log", log(record)
    yield "Time and device", time_and_device(record)
    yield "To get this result again", origin(record.manifest)
