"""Projects: the tenants, their quotas and what they use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from old_client.connection import Connection, path_to


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses now."""

    running_jobs: int
    queued_jobs: int
    storage_bytes: int
    storage_by_kind: dict[str, int] | None  # None from an older service
    device_hours: float  # in this calendar month, in UTC


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant. A quota of None means no limit."""

    id: str
    max_running_jobs: int | None
    max_queued_jobs: int | None
    max_storage_bytes: int | None
    max_device_hours: float | None
    created_at: datetime
    usage: Usage


class Projects:
    """The caller's project; for the operator, all projects. Only the operator may make and change projects."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, project_id: str, **quotas: float | None) -> Project:
        """Make a project, with the quotas that `Project` names. It has no keys yet."""
        return self._connection.send(Project, "POST", path_to("projects"), {"id": project_id, **quotas})

    def list(self) -> Iterator[Project]:
        """The projects, ordered by id."""
        return self._connection.pages(Project, path_to("projects"))

    def get(self, project_id: str) -> Project:
        """Its quotas, and what it uses."""
        return self._connection.get(Project, path_to("projects", project_id))

    def change(self, project_id: str, **quotas: float | None) -> Project:
        """Set the quotas that are given. None removes a quota."""
        return self._connection.send(Project, "PATCH", path_to("projects", project_id), quotas)
