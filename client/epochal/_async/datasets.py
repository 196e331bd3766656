"""Data sets: uploaded, looked at, mended, audited and deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from epochal import types
from epochal._async.audits import AsyncAudits
from epochal._async.following import poll
from epochal._async.pages import AsyncPages
from epochal._async.uploading import AsyncUploading
from epochal._http import given, path_to


class AsyncDatasets(AsyncUploading):
    """`client.datasets`: those that come with Epochal, and the project's own."""

    @property
    def audits(self) -> AsyncAudits:
        """`client.datasets.audits`: the search for wrong labels."""
        return AsyncAudits(self._requester)

    def list(self) -> AsyncPages[types.Dataset]:
        """Every data set that a spec may name."""
        return AsyncPages(self._requester, types.Dataset, path_to("datasets"))

    async def retrieve(self, name: str) -> types.Dataset:
        """A data set, with its newest version."""
        return await self._requester.request("GET", path_to("datasets", name), cast=types.Dataset)

    async def import_from(
        self, name: str, source: str, *, test_fraction: float = 0.2, seed: int = 0
    ) -> types.DatasetVersion:
        """Make the next version of images that lie where the workers can read them: `file:///a/folder` or
        `s3://bucket/prefix`, within what the operator allows. It is being validated."""
        body = {"source": source, "test_fraction": test_fraction, "seed": seed}
        path = path_to("datasets", name, "imports")
        return await self._requester.request("POST", path, json=body, cast=types.DatasetVersion)

    def versions(self, name: str) -> AsyncPages[types.DatasetVersionSummary]:
        """All versions, the newest first."""
        return AsyncPages(self._requester, types.DatasetVersionSummary, path_to("datasets", name, "versions"))

    def poll(self, name: str, number: int, *, wait: float = 20.0) -> AsyncIterator[types.DatasetVersion]:
        """The version now, then again whenever it has changed, at least every `wait` seconds, until it is validated."""
        return poll(self._requester, _version(name, number), types.DatasetVersion, _is_validated, wait)

    async def edit(self, name: str, number: int, edits: Sequence[Mapping[str, Any]]) -> types.DatasetVersion:
        """Make the next version, with `edits` as the API takes them; it is being validated."""
        body = {"edits": [dict(edit) for edit in edits]}
        path = f"{_version(name, number)}/edits"
        return await self._requester.request("POST", path, json=body, cast=types.DatasetVersion)

    async def samples(
        self,
        name: str,
        number: int,
        *,
        class_name: str | None = None,
        split: str | None = None,
        seed: int | None = None,
        count: int | None = None,
        finding: str | None = None,
    ) -> bytes:
        """A sheet of its images as a PNG: of a class, of a split, or of what a `finding` of the report shows."""
        query = {"class": class_name, "split": split, "seed": seed, "count": count, "finding": finding}
        return await self._bytes(f"{_version(name, number)}/samples.png", given(query))

    async def augmented_samples(
        self,
        name: str,
        number: int,
        *,
        augmentation: types.AugmentationInput | None = None,
        image_size: int | None = None,
        resize: str | None = None,
        seed: int | None = None,
        count: int | None = None,
    ) -> bytes:
        """Some images before and after an augmentation, which is as in a spec, as a PNG."""
        drawn = {"augmentation": augmentation, "image_size": image_size, "resize": resize, "seed": seed, "count": count}
        path = f"{_version(name, number)}/samples.png"
        return (await self._requester.request("POST", path, json=given(drawn), repeatable=True)).content

    def images(
        self, name: str, number: int, *, class_name: str | None = None, split: str | None = None
    ) -> AsyncPages[types.DatasetImage]:
        """Its images, of a class or of a split."""
        query = given({"class": class_name, "split": split})
        return AsyncPages(self._requester, types.DatasetImage, f"{_version(name, number)}/images", query)

    async def image(self, name: str, number: int, image: str) -> bytes:
        """One image as a PNG, as the training sees it before it is resized."""
        path = f"{_version(name, number)}/images/{path_to(image).removeprefix('/v1/')}"
        return (await self._requester.request("GET", path, headers={"Accept": "image/png"})).content

    async def delete(self, name: str, number: int | None = None) -> None:
        """Delete a version, or the data set with all its versions."""
        path = path_to("datasets", name) if number is None else _version(name, number)
        await self._requester.request("DELETE", path)


def _version(name: str, number: int) -> str:
    return path_to("datasets", name, "versions", str(number))


def _is_validated(version: types.DatasetVersion) -> bool:
    return version.status != "validating"
