"""What the jobs of an audit are."""

from collections.abc import Mapping
from typing import Any

from api.http.errors import InvalidRequest
from api.making import dataset_check
from api.making.made_bodies import validated
from api.schemas.audits import AuditCreate
from api.schemas.submission import JobCreate
from jobs.submission import Submission
from models import DatasetVersion, ProjectSession
from training.known.audit_recipe import audit_recipe
from training.spec import merge_patch

# What an audit says itself.
_ITS_OWN = {
    "dataset": "is the version in the address: leave it out",
    "seed": "is set beside the spec: leave it out here",
    "validation_fold": "is what an audit sets for each job: set folds",
    "validation_fraction": "has no place in an audit, which holds images out by itself",
}


def submissions(session: ProjectSession, version: DatasetVersion, asked: AuditCreate) -> list[Submission]:
    """The jobs of an audit of `version`, by the part that each holds out. Raises InvalidRequest."""
    if len(version.classes or ()) < 2:
        raise InvalidRequest(
            [{"pointer": "#", "detail": "the version has one class, so that no label can be wrong"}], 1
        )
    if taken := [{"pointer": f"#/spec/{name}", "detail": why} for name, why in _ITS_OWN.items() if name in asked.spec]:
        raise InvalidRequest(taken, len(taken))
    spec = {**_filled_in(version, asked.spec), "dataset": f"{version.dataset}@{version.number}", "seed": asked.seed}
    jobs = [_job(version, spec, index, asked.folds) for index in range(asked.folds)]
    for job in (jobs[0], jobs[-1]):  # the largest part and the smallest
        try:
            dataset_check.require_fitting(session, job.spec, None)
        except InvalidRequest as refused:
            raise _told_of_folds(refused) from refused
    return [Submission(**dict(job)) for job in jobs]


def _filled_in(version: DatasetVersion, spec: Mapping[str, Any]) -> dict[str, Any]:
    if spec.get("recipe") is not None:
        return dict(spec)
    epochs = spec.get("epochs")
    is_known = type(epochs) is int and epochs > 0
    own = audit_recipe(
        version.train_images or 0, version.image_size, version.channels or 3, epochs if is_known else None
    )
    return merge_patch(own, spec)


def _job(version: DatasetVersion, spec: Mapping[str, Any], index: int, folds: int) -> JobCreate:
    body = {
        "name": f"Audit of {version.dataset}@{version.number}, part {index + 1} of {folds}",
        "tags": ["audit"],
        "spec": {**spec, "validation_fold": {"index": index, "of": folds}},
    }
    return validated(body)


def _told_of_folds(refused: InvalidRequest) -> InvalidRequest:
    """What was said of `validation_fold`, said of `folds`."""
    errors = [
        {**error, "pointer": "#/folds"} if error.get("pointer", "").startswith("#/spec/validation_fold") else error
        for error in refused.errors
    ]
    return InvalidRequest(errors, len(errors))
