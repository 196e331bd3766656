"""Pages of epochs and steps: which rows a query selects, and whether the answer is JSON or CSV."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from api import schemas
from api.http.negotiation import VARY, preferred
from api.reading.polling import Content
from api.views import csv_text, translate
from jobs import queries
from jobs.downsampled_curves import LEAST_EPOCHS, LEAST_STEPS, downsampled_epochs, downsampled_steps
from jobs.layer_signals import layers_until
from jobs.paging import Page
from training.spec import refusals

MAX_INTEGER = 2**31 - 1  # greatest integer of the database's columns

JSON = "application/json"
MEDIA_TYPES: Mapping[str, str] = {"json": JSON, "csv": csv_text.MEDIA_TYPE}

Cursor = Annotated[int, Field(ge=-1, le=MAX_INTEGER)]
Row = TypeVar("Row", bound=schemas.ResponseSchema)

MAX_POINTS_DESCRIPTION = (
    "Instead of a page, at most so many rows of the whole curve, for a chart: the first, the last, {kept}, and those "
    "of the others that change the shape of the curves most. Rows with values that are not numbers are kept."
)


class RowQuery(BaseModel):
    """How many rows, and in which format."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(default=1000, ge=1, le=10_000)
    format: Literal["json", "csv"] | None = Field(
        default=None,
        description="JSON by default, or what `Accept` prefers. CSV has a header of field names; its `Link` header "
        "says where the next page is.",
    )

    def refuse_limit_with_max_points(self, max_points: int | None) -> None:
        """Refuse `limit` together with `max_points`. Raises the error that pydantic then reports."""
        if max_points is not None and "limit" in self.model_fields_set:
            reason = "is for a whole curve, and limit for a page: one of the two"
            raise refusals([(("max_points",), max_points, reason)])

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters as they were given, for the URL of the next page."""
        given = self.model_dump(exclude_none=True)
        return {name: value for name, value in given.items() if name != "limit" or "max_points" not in given}


class EpochQuery(RowQuery):
    """Which epochs, and how many."""

    after_epoch: Cursor = Field(default=-1, description="Only later epochs.")
    max_points: int | None = Field(
        default=None,
        ge=LEAST_EPOCHS,
        le=5000,
        description=MAX_POINTS_DESCRIPTION.format(kept="the best, the lowest and the highest of each measure"),
    )

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        self.refuse_limit_with_max_points(self.max_points)
        return self


class StepQuery(RowQuery):
    """Which steps, and how many."""

    after_epoch: Cursor = Field(default=-1, description="Steps of later epochs; with `after_step`, also of this one.")
    after_step: Cursor | None = Field(default=None, description="In `after_epoch`, only steps after this one.")
    max_points: int | None = Field(
        default=None,
        ge=LEAST_STEPS,
        le=5000,
        description=MAX_POINTS_DESCRIPTION.format(kept="the lowest and the highest loss"),
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.after_step is not None and "after_epoch" not in self.model_fields_set:
            reason = "needs after_epoch, the epoch that the step is of"
            raise refusals([(("after_step",), self.after_step, reason)])
        self.refuse_limit_with_max_points(self.max_points)
        return self

    def position(self) -> tuple[int, int]:
        """Epoch and step behind which the rows begin."""
        return self.after_epoch, MAX_INTEGER if self.after_step is None else self.after_step


def epochs(session: Session, job_id: str, query: EpochQuery) -> schemas.Page[schemas.EpochRow]:
    """The epochs that the query selects. Raises JobNotFound."""
    if query.max_points is None:
        page: Page[Any] = queries.epoch_rows_after(session, job_id, query.after_epoch, query.limit)
    else:
        page = downsampled_epochs(session, job_id, query.max_points, query.after_epoch)
    return translate.epochs(page, job_id, query.parameters)


def steps(session: Session, job_id: str, query: StepQuery) -> schemas.Page[schemas.StepRow]:
    """The steps that the query selects. Raises JobNotFound."""
    if query.max_points is None:
        page = queries.steps_after(session, job_id, *query.position(), query.limit)
    else:
        page = downsampled_steps(session, job_id, query.max_points, *query.position())
    return translate.steps(page, job_id, query.parameters)


def layers(session: Session, job_id: str, epoch: int | None) -> schemas.EpochLayers:
    """Of the last epoch that has them, up to `epoch`. Raises JobNotFound."""
    found, measured = layers_until(session, job_id, epoch)
    return schemas.EpochLayers(epoch=found, data=[schemas.LayerSignals.model_validate(layer) for layer in measured])


def media_type_for(request: Request, query: RowQuery) -> str:
    """The media type of the answer: the query's `format`, or else what the Accept header prefers. Raises NotAcceptable
    if the header accepts neither JSON nor CSV."""
    liked = preferred(request.headers.getlist("accept"), list(MEDIA_TYPES.values()))
    return MEDIA_TYPES[query.format] if query.format else liked


def render(page: schemas.Page[Row], kind: type[Row], media_type: str, name: str) -> Content:
    """`page` as JSON or CSV. Its rows have the type `kind`; CSV is an attachment called `name`."""
    if media_type == JSON:
        return Content(page.to_json(), JSON, VARY, is_empty=not page.data)
    headers = {**VARY, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    if page.has_more:
        headers["Link"] = f'<{page.next}>; rel="next"'
    body = csv_text.to_csv(kind, page.data)
    return Content(body, "text/csv; header=present", headers, is_empty=not page.data)
