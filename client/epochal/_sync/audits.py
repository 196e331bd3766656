# Made of epochal/_async/audits.py by client/unasync.py: change that one.
"""Audits: the search for wrong labels in a version of a data set."""

from __future__ import annotations

from typing import Any

from epochal import types
from epochal._http import path_to
from epochal._sync.pages import Pages
from epochal._sync.resource import Resource


class Audits(Resource):
    """`client.datasets.audits`."""

    def create(self, name: str, number: int, **options: Any) -> types.Audit:
        """Audit a version. `options`: `folds`, `seed` and `spec`."""
        path = path_to("datasets", name, "versions", str(number), "audit")
        return self._requester.request("POST", path, json=options, cast=types.Audit)

    def list(self, name: str, number: int) -> Pages[types.Audit]:
        """The newest first."""
        path = path_to("datasets", name, "versions", str(number), "audits")
        return Pages(self._requester, types.Audit, path)

    def retrieve(self, name: str, number: int, audit_id: str) -> types.Audit:
        """How far it is."""
        return self._requester.request("GET", _path(name, number, audit_id), cast=types.Audit)

    def suspects(self, name: str, number: int, audit_id: str) -> Pages[types.AuditSuspect]:
        """Images whose label may be wrong, the most doubtful first."""
        return Pages(self._requester, types.AuditSuspect, _path(name, number, audit_id, "suspects"))

    def cancel(self, name: str, number: int, audit_id: str) -> types.Audit:
        """Cancel those of its jobs that have not ended."""
        path = _path(name, number, audit_id, "cancel")
        return self._requester.request("POST", path, repeatable=True, cast=types.Audit)


def _path(name: str, number: int, audit_id: str, *more: str) -> str:
    return path_to("datasets", name, "versions", str(number), "audits", audit_id, *more)
