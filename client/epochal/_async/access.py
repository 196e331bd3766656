"""API keys, and projects, which are the tenants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from epochal import types
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import given, path_to


class AsyncKeys(AsyncResource):
    """`client.keys`: the API keys of the project; for the operator, of every project. Needs the scope admin."""

    async def create(
        self, name: str, scopes: Sequence[str], *, project: str | None = None, expires_at: datetime | None = None
    ) -> types.NewKey:
        """Make a key. Only this answer has the whole `key`. The request is not repeated once it may have arrived: its
        answer has a secret, which the service does not keep."""
        expires = expires_at.isoformat() if expires_at else None
        body = given({"name": name, "scopes": [*scopes], "project": project, "expires_at": expires})
        return await self._requester.request("POST", path_to("keys"), json=body, cast=types.NewKey)

    def list(self) -> AsyncPages[types.Key]:
        """The newest first."""
        return AsyncPages(self._requester, types.Key, path_to("keys"))

    async def retrieve(self, key_id: str) -> types.Key:
        """The key, without its secret."""
        return await self._requester.request("GET", path_to("keys", key_id), cast=types.Key)

    async def delete(self, key_id: str) -> types.Key:
        """Revoke the key: it is refused from now on. It stays in the list, as revoked."""
        return await self._requester.request("DELETE", path_to("keys", key_id), cast=types.Key)


class AsyncProjects(AsyncResource):
    """`client.projects`: the caller's project; for the operator, all. Only the operator makes and changes projects."""

    async def create(self, project_id: str, **quotas: float | None) -> types.Project:
        """Make a project, with the quotas that `Project` names. It has no keys yet."""
        body = {"id": project_id, **quotas}
        return await self._requester.request("POST", path_to("projects"), json=body, cast=types.Project)

    def list(self) -> AsyncPages[types.Project]:
        """The projects, ordered by id, each with what it uses."""
        return AsyncPages(self._requester, types.Project, path_to("projects"))

    async def retrieve(self, project_id: str) -> types.Project:
        """Its quotas, and what it uses."""
        return await self._requester.request("GET", path_to("projects", project_id), cast=types.Project)

    async def update(self, project_id: str, **quotas: float | None) -> types.Project:
        """Set the quotas that are given. None removes a quota."""
        path = path_to("projects", project_id)
        return await self._requester.request("PATCH", path, json=quotas, repeatable=True, cast=types.Project)

    async def retention(self, project_id: str) -> types.ProjectRetention:
        """How long its checkpoints and weights are kept."""
        path = path_to("projects", project_id, "retention")
        return await self._requester.request("GET", path, cast=types.ProjectRetention)

    async def set_retention(
        self, project_id: str, retention: Mapping[str, int | None], *, dry_run: bool = False
    ) -> types.ProjectRetention:
        """Set how long what is kept, by the fields that `ProjectRetention` has. With `dry_run`, only say what would be
        removed."""
        path, query = path_to("projects", project_id, "retention"), {"dry_run": "true"} if dry_run else None
        return await self._requester.request(
            "PUT", path, query=query, json=dict(retention), cast=types.ProjectRetention
        )
