"""Trained models: what jobs leave, and what is brought."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from epochal import types
from epochal._async.downloading import download
from epochal._async.following import poll
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import given, path_to

File = str | os.PathLike[str] | bytes

ARCHIVE = "archive"

Task = TypeVar("Task", types.ModelEvaluation, types.ModelExport)


class AsyncModels(AsyncResource):
    """`client.models`. A `model` is an id, or a name: `cats` is its newest version, `cats@3` the third, and
    `cats@production` the one that the alias stands for."""

    def list(
        self, *, job: str | None = None, name: str | None = None, limit: int | None = None
    ) -> AsyncPages[types.TrainedModelSummary]:
        """Those that `job` has left, or that have this `name`; the newest first. `limit` is the size of a page."""
        query = given({"job": job, "name": name, "limit": limit})
        return AsyncPages(self._requester, types.TrainedModelSummary, path_to("models"), query)

    async def retrieve(self, model: str) -> types.TrainedModel:
        """Its classes, what it takes in, what it was measured to do, and its files."""
        return await self._requester.request("GET", path_to("models", model), cast=types.TrainedModel)

    async def delete(self, model: str) -> None:
        """Delete a model with its files."""
        await self._requester.request("DELETE", path_to("models", model))

    async def create(
        self,
        file: str | os.PathLike[str],
        *,
        name: str | None = None,
        classes: Sequence[str] | None = None,
        image_size: int | None = None,
        resize: str | None = None,
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
    ) -> types.TrainedModel:
        """Bring a network: a safetensors file of a ResNet as torchvision, timm or a job names its tensors. However
        often the request must be repeated, it makes one model. Also raises OSError."""
        query = given(
            {
                "name": name,
                "classes": ",".join(classes) if classes else None,
                "image_size": image_size,
                "resize": resize,
                "mean": ",".join(map(str, mean)) if mean else None,
                "deviation": ",".join(map(str, deviation)) if deviation else None,
            }
        )
        return await self._requester.request(
            "POST",
            path_to("models"),
            query=query,
            content=await self._requester.in_thread(Path(file).read_bytes),
            headers={"Content-Type": "application/octet-stream"},
            makes_once=True,
            cast=types.TrainedModel,
        )

    async def download(self, model: str, path: str | os.PathLike[str], *, file: str | None = None) -> Path:
        """Save a `file` of the model, by its name, or all of them as one zip, at `path`: in a folder under its own
        name. It appears there only when it is complete. Also raises OSError."""
        parts = ("files", file) if file else (ARCHIVE,)
        target = Path(path)
        if target.is_dir():
            target = target / (file or f"{model.replace('@', '-')}.zip")
        return await download(self._requester, path_to("models", model, *parts), target)

    async def predict(
        self, model: str, image: File | Sequence[File], *, top: int = 5, explain: bool = False
    ) -> types.PredictionAnswer:
        """What pictures show: files, or the bytes of files, of any kind that data sets may have; at most 256 and 16
        MiB. `top` is how many labels each gets. With `explain`, an image shows where in the picture the first was
        seen; then at most 16. Also raises OSError."""
        images = [image] if isinstance(image, (str, bytes, os.PathLike)) else [*image]
        files = [("image", await self._requester.in_thread(_content, each)) for each in images]
        query = {"top": top, "explain": "true" if explain else "false"}
        return await self._requester.request(
            "POST",
            path_to("models", model, "predict"),
            query=query,
            files=files,
            repeatable=True,  # it changes nothing
            cast=types.PredictionAnswer,
        )

    async def evaluate(
        self, model: str, dataset: str, *, version: int | None = None, split: Literal["test", "train"] = "test"
    ) -> types.ModelEvaluation:
        """Have the model measured on another data set with the same classes. Wait for it with `wait_for_evaluation`."""
        body = given({"dataset": dataset, "version": version, "split": split})
        path = path_to("models", model, "evaluations")
        return await self._requester.request("POST", path, json=body, cast=types.ModelEvaluation)

    def evaluations(self, model: str) -> AsyncPages[types.ModelEvaluationSummary]:
        """The newest first."""
        return AsyncPages(self._requester, types.ModelEvaluationSummary, path_to("models", model, "evaluations"))

    async def evaluation(self, model: str, evaluation_id: str) -> types.ModelEvaluation:
        """How far it is, and what it has measured."""
        path = path_to("models", model, "evaluations", evaluation_id)
        return await self._requester.request("GET", path, cast=types.ModelEvaluation)

    async def wait_for_evaluation(self, model: str, evaluation_id: str) -> types.ModelEvaluation:
        """Wait until it has ended, in whatever status."""
        path = path_to("models", model, "evaluations", evaluation_id)
        async for each in self._polled(path, types.ModelEvaluation):
            last = each
        return last

    async def confusion(self, model: str, evaluation_id: str) -> types.Confusion:
        """How often each class was taken for each other one."""
        path = path_to("models", model, "evaluations", evaluation_id, "confusion")
        return await self._requester.request("GET", path, cast=types.Confusion)

    async def picture(
        self,
        model: str,
        evaluation_id: str,
        kind: Literal["confusion.svg", "confusion.csv", "reliability.svg", "mistakes.png"],
    ) -> bytes:
        """The confusion matrix, how reliable its probabilities are, or the images that it was most wrongly sure of."""
        return await self._bytes(path_to("models", model, "evaluations", evaluation_id, kind))

    async def export(self, model: str, formats: Sequence[str]) -> types.ModelExport:
        """Have files made of the model: `onnx`, `python`, `int8`, `html`, `torch`. Wait with `wait_for_export`."""
        path = path_to("models", model, "exports")
        return await self._requester.request("POST", path, json={"formats": [*formats]}, cast=types.ModelExport)

    def exports(self, model: str) -> AsyncPages[types.ModelExport]:
        """The newest first."""
        return AsyncPages(self._requester, types.ModelExport, path_to("models", model, "exports"))

    async def export_status(self, model: str, export_id: str) -> types.ModelExport:
        """How far it is."""
        return await self._requester.request(
            "GET", path_to("models", model, "exports", export_id), cast=types.ModelExport
        )

    async def wait_for_export(self, model: str, export_id: str) -> types.ModelExport:
        """Wait until it has ended, in whatever status."""
        async for each in self._polled(path_to("models", model, "exports", export_id), types.ModelExport):
            last = each
        return last

    async def add_version(self, name: str, model: str) -> types.ModelVersion:
        """Make `model` the next version of `name`. One that is a version of it already stays that version."""
        path = path_to("models", name, "versions")
        return await self._requester.request("PUT", path, json={"model": model}, cast=types.ModelVersion)

    def versions(self, name: str) -> AsyncPages[types.ModelVersion]:
        """The models that have this name, the newest version first."""
        return AsyncPages(self._requester, types.ModelVersion, path_to("models", name, "versions"))

    async def alias(
        self, name: str, alias: str, version: int | None = None, *, reason: str | None = None
    ) -> types.ModelAlias:
        """What `alias` stands for; with `version`, have it stand for that one from now on. `reason` is kept."""
        path = path_to("models", name, "aliases", alias)
        if version is None:
            return await self._requester.request("GET", path, cast=types.ModelAlias)
        body = given({"version": version, "reason": reason})
        return await self._requester.request("PUT", path, json=body, cast=types.ModelAlias)

    def aliases(self, name: str) -> AsyncPages[types.ModelAlias]:
        """Every alias of the name."""
        return AsyncPages(self._requester, types.ModelAlias, path_to("models", name, "aliases"))

    async def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias. The model stays."""
        await self._requester.request("DELETE", path_to("models", name, "aliases", alias))

    def alias_history(self, name: str, alias: str) -> AsyncPages[types.ModelAliasMove]:
        """What it has stood for, the newest first."""
        path = path_to("models", name, "aliases", alias, "history")
        return AsyncPages(self._requester, types.ModelAliasMove, path)

    def _polled(self, path: str, kind: type[Task]) -> AsyncIterator[Task]:
        return poll(self._requester, path, kind, lambda task: task.status not in ("queued", "running"), 20.0)


def _content(file: File) -> tuple[str, bytes, str]:
    content = file if isinstance(file, bytes) else Path(file).read_bytes()
    return "image", content, "application/octet-stream"
