"""The query parameters of the list of jobs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.times import Time
from api.schemas.fields import storable
from jobs.listing import JobFilter, Sort, SortOrder
from models import JobStatus

SortParameter = Literal[
    "created_at",
    "-created_at",
    "finished_at",
    "-finished_at",
    "name",
    "-name",
    "priority",
    "-priority",
    "best_accuracy",
    "-best_accuracy",
]

Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]


class JobQuery(BaseModel):
    """Which jobs, in which order, and which page of them."""

    model_config = ConfigDict(frozen=True)

    status: list[JobStatus] = Field(
        default=[], max_length=len(JobStatus), description="One or more statuses; all by default."
    )
    dataset: Text | None = Field(default=None, description="Jobs on this data set; `pets@1`: on this version of it.")
    architecture: Text | None = Field(default=None, description="Jobs whose spec names exactly this architecture.")
    tag: list[Text] = Field(default=[], max_length=20, description="If repeated: jobs that have all of these tags.")
    name: Text | None = Field(default=None, description="Jobs with exactly this name.")
    parent: Text | None = Field(
        default=None, description="Jobs of this sweep or audit, or those that repeat this job, by its id."
    )
    created_after: Time | None = Field(default=None, description="RFC 3339, exclusive.")
    created_before: Time | None = Field(default=None, description="RFC 3339, exclusive.")
    sort: SortParameter = Field(
        default="-created_at",
        description="With `-` in descending order. Sorted by name, end or accuracy, the list leaves out jobs without "
        "one.",
    )
    after: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,1000}$",
        description="Where the page begins: the cursor in `next`. Sorted by `created_at`, it is the id of a job.",
    )
    limit: int = Field(default=20, ge=1, le=100)

    @property
    def filter(self) -> JobFilter:
        """The filter of the list."""
        return JobFilter(
            statuses=self.status,
            dataset=self.dataset,
            architecture=self.architecture,
            tags=self.tag,
            name=self.name,
            parent=self.parent,
            created_after=self.created_after,
            created_before=self.created_before,
        )

    @property
    def order(self) -> SortOrder:
        """The order of the list."""
        sort: Sort = next(name for name in get_args(Sort) if name == self.sort.removeprefix("-"))
        return SortOrder(sort, descending=self.sort.startswith("-"))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the request, for the URL of the next page."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"limit": self.limit}


class JobSummaryQuery(JobQuery):
    """The same for rows of a table, which are shorter: more of them fit a page."""

    id: list[Text] = Field(default=[], max_length=100, description="If repeated: one of these jobs.")
    search: Text | None = Field(
        default=None,
        description="Jobs with this in their name or id, or with exactly this tag, in upper or lower case.",
    )
    limit: int = Field(default=100, ge=1, le=1000)

    @property
    def filter(self) -> JobFilter:
        """The filter of the list."""
        return replace(super().filter, ids=self.id, search=self.search)
