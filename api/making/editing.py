"""Edits of a version, as a client sends them and as a worker carries them out.

What can be checked at once is: names of images, classes, findings, audits and jobs. Suspects of an audit become ids
here; a finding and a cell of a confusion matrix are looked up by the worker, among all images.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from api import schemas
from api.http.errors import InvalidRequest
from api.schemas.datasets import AuditChoice, ConfusionCell
from api.views.image_table import ImageTable
from catalog.datasets.errors import AuditNotFound
from jobs import audits, queries
from jobs.errors import JobNotFound, PredictionsNotFound
from models import AuditStatus, DatasetVersion, ProjectSession
from training.names import did_you_mean, listed, shown

Stored = dict[str, Any]


class _Refused(Exception):
    """`place`: of what is wrong, within the edit."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(detail)
        self.place, self.detail = place, detail


def names_images(edits: Sequence[schemas.DatasetEdit]) -> bool:
    """Whether the version's index is needed to check them."""
    return any(edit.images is not None for edit in edits)


def resolve(
    session: ProjectSession, version: DatasetVersion, edits: Sequence[schemas.DatasetEdit], table: ImageTable | None
) -> list[Stored]:
    """As `worker.validation.messages.Edit`. `table` is the version's index, where `names_images`. Raises
    InvalidRequest, which tells of every edit that does not fit."""
    resolved, errors = list[Stored](), list[dict[str, str]]()
    for place, edit in enumerate(edits):
        try:
            resolved += _resolved(session, version, edit, table)
        except _Refused as refused:
            errors.append({"pointer": f"#/edits/{place}{refused.place}", "detail": refused.detail})
    if errors:
        raise InvalidRequest(errors[:100], len(errors))
    return resolved


def _resolved(
    session: ProjectSession, version: DatasetVersion, edit: schemas.DatasetEdit, table: ImageTable | None
) -> Iterator[Stored]:
    change: Stored = {
        name: value
        for name, value in (("label", edit.label), ("split", edit.split), ("exclude", edit.exclude))
        if value
    }
    _require_class(version, edit.label, "/label")
    if edit.images is not None:
        assert table
        for place, image in enumerate(edit.images):
            if table.row_of(image) is None:
                raise _Refused(f"/images/{place}", "is no image of this version: take ids from its report or `images`")
        yield {"images": edit.images, **change}
    elif edit.finding is not None:
        _require_finding(version, edit.finding)
        yield {"finding": edit.finding, **change}
    elif edit.audit is not None:
        yield from _of_audit(session, version, edit.audit, change, likely=edit.likely_label)
    elif edit.confusion is not None:
        _require_cell(session, version, edit.confusion)
        yield {"confusion": edit.confusion.model_dump(), **change}


def _require_class(version: DatasetVersion, name: str | None, place: str) -> None:
    classes = version.classes or ()
    if name is not None and name not in classes:
        hint = did_you_mean(name, classes) or f"; its classes are {listed([shown(each) for each in classes], 20)}"
        raise _Refused(place, f"is no class of this version{hint}")


def _require_finding(version: DatasetVersion, code: str) -> None:
    findings = {finding["code"]: finding for finding in (version.report or {}).get("findings", ())}
    with_images = [
        name for name, finding in findings.items() if any(example.get("image") for example in finding["examples"])
    ]
    if code not in with_images:
        why = "has no images that could be changed" if code in findings else "is not in the report of this version"
        raise _Refused("/finding", f"{why}; it has {listed(with_images, 20) or 'no finding with images'}")


def _of_audit(
    session: ProjectSession, version: DatasetVersion, choice: AuditChoice, change: Stored, *, likely: bool
) -> Iterator[Stored]:
    _require_class(version, choice.given, "/audit/given")
    _require_class(version, choice.likely, "/audit/likely")
    try:
        audit = audits.find(session, version, choice.id, with_suspects=True)
    except AuditNotFound:
        raise _Refused("/audit/id", "is no audit of this version") from None
    if audit.status != AuditStatus.SUCCEEDED:
        raise _Refused("/audit/id", f"is {audit.status}: only an audit that has succeeded has suspects")
    chosen = dict[str, list[str]]()
    for suspect in audit.suspects or ():
        if (
            choice.given in (None, suspect["given"])
            and choice.likely in (None, suspect["likely"])
            and suspect["likely_probability"] >= choice.least_probability
        ):
            chosen.setdefault(suspect["likely"], []).append(suspect["image"])
    if not chosen:
        raise _Refused("/audit", "has no such suspect")
    if likely:
        yield from ({"images": images, "label": name, **change} for name, images in sorted(chosen.items()))
    else:
        yield {"images": [image for images in chosen.values() for image in images], **change}


def _require_cell(session: ProjectSession, version: DatasetVersion, cell: ConfusionCell) -> None:
    _require_class(version, cell.label, "/confusion/label")
    _require_class(version, cell.predicted, "/confusion/predicted")
    try:
        job = queries.job_with_predictions(session, cell.job)
    except JobNotFound:
        raise _Refused("/confusion/job", "is no job of yours") from None
    except PredictionsNotFound as error:
        raise _Refused("/confusion/job", f"has no predictions: it is {error.status}") from None
    if job.dataset != version.dataset and job.dataset_identity != version.identity:
        raise _Refused("/confusion/job", f"was trained on {shown(job.dataset or '')}, which has other images")
