"""The query of a list of jobs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.times import Time
from api.schemas.fields import storable
from jobs.listing import JobFilter, Sort, SortOrder
from models import JobStatus

Direction = Literal[
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

    status: list[JobStatus] = Field(default=[], max_length=len(JobStatus), description="One or more; all by default.")
    dataset: Text | None = Field(default=None, description="Whose spec has exactly this data set.")
    architecture: Text | None = Field(default=None, description="Whose spec has exactly this architecture.")
    tag: list[Text] = Field(default=[], max_length=20, description="Several times: jobs that have each of them.")
    name: Text | None = Field(default=None, description="The whole name.")
    created_after: Time | None = Field(default=None, description="RFC 3339, exclusive.")
    created_before: Time | None = Field(default=None, description="RFC 3339, exclusive.")
    sort: Direction = Field(
        default="-created_at",
        description="With `-` the greatest first. Jobs that have no name, end or accuracy are left out where it is "
        "sorted by that.",
    )
    after: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,1000}$",
        description="Where the page begins, as `next` has it; where it is sorted by `created_at`, the id of a job.",
    )
    limit: int = Field(default=20, ge=1, le=100)

    @property
    def jobs(self) -> JobFilter:
        """Which."""
        return JobFilter(
            statuses=self.status,
            dataset=self.dataset,
            architecture=self.architecture,
            tags=self.tag,
            name=self.name,
            created_after=self.created_after,
            created_before=self.created_before,
        )

    @property
    def order(self) -> SortOrder:
        """In which order."""
        sort: Sort = next(name for name in get_args(Sort) if name == self.sort.removeprefix("-"))
        return SortOrder(sort, descending=self.sort.startswith("-"))

    @property
    def asked(self) -> Mapping[str, Any]:
        """As it was given, for the address of the next page."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"limit": self.limit}
