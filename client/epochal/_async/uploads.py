"""Files on their way into data sets, part by part. `client.datasets.upload` does all of it."""

from __future__ import annotations

from typing import Any

from epochal import types
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import path_to


class AsyncUploads(AsyncResource):
    """`client.uploads`."""

    async def create(self, dataset: str, bytes: int, **options: Any) -> types.Upload:  # the API's name
        """Announce a file of so many bytes for the next version of `dataset`. `options`: `sha256`, `test_fraction`,
        `seed`. The request is not repeated once it may have arrived: `list` says whether it has."""
        body = {"dataset": dataset, "bytes": bytes, **options}
        return await self._requester.request("POST", path_to("uploads"), json=body, cast=types.Upload)

    def list(self) -> AsyncPages[types.Upload]:
        """The newest first."""
        return AsyncPages(self._requester, types.Upload, path_to("uploads"))

    async def retrieve(self, upload_id: str) -> types.Upload:
        """How much of it has arrived."""
        return await self._requester.request("GET", path_to("uploads", upload_id), cast=types.Upload)

    async def append(self, upload_id: str, offset: int, content: bytes) -> None:
        """Send a part. `offset` is how much has arrived before it; where that is not so, it raises ConflictError, and
        nothing is stored twice."""
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        await self._requester.request("PATCH", path_to("uploads", upload_id), content=content, headers=headers)

    async def delete(self, upload_id: str) -> None:
        """Give it up."""
        await self._requester.request("DELETE", path_to("uploads", upload_id))
