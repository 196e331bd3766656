"""Recipes, architectures, workers, the queue, and the service itself."""

from __future__ import annotations

from epochal import types
from epochal._async.pages import AsyncPages
from epochal._async.resource import AsyncResource
from epochal._http import path_to


class AsyncRecipes(AsyncResource):
    """`client.recipes`: specs that are known to do well."""

    def list(self) -> AsyncPages[types.Recipe]:
        """Every recipe."""
        return AsyncPages(self._requester, types.Recipe, path_to("recipes"))

    async def retrieve(self, recipe: str) -> types.Recipe:
        """A recipe, with its spec."""
        return await self._requester.request("GET", path_to("recipes", recipe), cast=types.Recipe)


class AsyncArchitectures(AsyncResource):
    """`client.architectures`."""

    def list(self) -> AsyncPages[types.Architecture]:
        """Every network that can be trained."""
        return AsyncPages(self._requester, types.Architecture, path_to("architectures"))


class AsyncWorkers(AsyncResource):
    """`client.workers`."""

    def list(self) -> AsyncPages[types.Worker]:
        """The connected workers."""
        return AsyncPages(self._requester, types.Worker, path_to("workers"))


class AsyncQueue(AsyncResource):
    """`client.queue`."""

    def list(self) -> AsyncPages[types.QueuedJob]:
        """The queued jobs, in the order in which they are served, each with why it waits."""
        return AsyncPages(self._requester, types.QueuedJob, path_to("queue"))


class AsyncService(AsyncResource):
    """`client.service`: the service itself."""

    async def live(self) -> types.Live:
        """Whether it answers, and which release it is."""
        return await self._requester.request("GET", "/livez", cast=types.Live)

    async def ready(self) -> types.Ready:
        """What it needs for its work, and whether each of that is there. Raises InternalServerError (503) where not;
        its `body` says what is missing."""
        return await self._requester.request("GET", "/readyz", cast=types.Ready)

    async def metrics(self) -> str:
        """Its meters, as Prometheus reads them."""
        return (await self._requester.request("GET", "/metrics")).text

    def problems(self) -> AsyncPages[types.ProblemKind]:
        """Every kind of error that the API answers with, and what would be right."""
        return AsyncPages(self._requester, types.ProblemKind, "/problems")
