"""Audits: the search for wrong labels in a version of a data set."""

from __future__ import annotations

from typing import Any

from epochal import types
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import path_to


class AsyncAudits(AsyncResource):
    """`client.datasets.audits`."""

    async def create(self, name: str, number: int, **options: Any) -> types.Audit:
        """Audit a version. `options`: `folds`, `seed` and `spec`."""
        path = path_to("datasets", name, "versions", str(number), "audit")
        return await self._requester.request("POST", path, json=options, cast=types.Audit)

    def list(self, name: str, number: int) -> AsyncPages[types.Audit]:
        """The newest first."""
        path = path_to("datasets", name, "versions", str(number), "audits")
        return AsyncPages(self._requester, types.Audit, path)

    async def retrieve(self, name: str, number: int, audit_id: str) -> types.Audit:
        """How far it is."""
        return await self._requester.request("GET", _path(name, number, audit_id), cast=types.Audit)

    def suspects(self, name: str, number: int, audit_id: str) -> AsyncPages[types.AuditSuspect]:
        """Images whose label may be wrong, the most doubtful first."""
        return AsyncPages(self._requester, types.AuditSuspect, _path(name, number, audit_id, "suspects"))

    async def cancel(self, name: str, number: int, audit_id: str) -> types.Audit:
        """Cancel those of its jobs that have not ended."""
        path = _path(name, number, audit_id, "cancel")
        return await self._requester.request("POST", path, repeatable=True, cast=types.Audit)


def _path(name: str, number: int, audit_id: str, *more: str) -> str:
    return path_to("datasets", name, "versions", str(number), "audits", audit_id, *more)
