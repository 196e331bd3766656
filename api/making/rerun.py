"""Submits a job again, with changes."""

from collections.abc import Mapping
from typing import Any

from api.http.errors import InvalidRequest
from api.making.made_bodies import validated
from api.schemas.submission import JobCreate, JobRerun
from jobs.submission import Submission
from models import Job
from training.spec import ResolvedSpec, merge_patch


def revised(job: Job, changes: JobRerun) -> JobCreate:
    """The submission of `job` with `changes` applied, validated like a new one. Raises InvalidRequest.

    A stored spec contains the fields of its recipe already. They are not filled in again: that would restore what
    `changes` remove, and add what a later release changed in the recipe. The recipe is kept only as a label. What this
    release does not know in the stored spec is refused, as in a submission.
    """
    submitted = Submission.of(job)
    spec = submitted.spec
    given = changes.model_dump(exclude_unset=True)
    patch = given.pop("spec", {})
    _refuse_another_recipe(spec, patch)
    merged = {field: value for field, value in (submitted.beside_spec() | given).items() if value is not None}
    merged["spec"] = merge_patch(spec.model_dump(mode="json"), patch)
    recipe = merged["spec"].pop("recipe", None)
    revision = validated(merged)
    return revision.model_copy(update={"spec": revision.spec.model_copy(update={"recipe": recipe})})


def _refuse_another_recipe(spec: ResolvedSpec, patch: Mapping[str, Any]) -> None:
    if patch.get("recipe") not in (None, spec.recipe):
        detail = "cannot be changed: the spec is filled in already. Submit a new job to start from another recipe"
        raise InvalidRequest([{"pointer": "#/spec/recipe", "detail": detail}], 1)
