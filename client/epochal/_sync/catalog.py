# Made of epochal/_async/catalog.py by client/unasync.py: change that one.
"""Recipes, architectures, workers, the queue, and the service itself."""

from __future__ import annotations

from epochal import types
from epochal._http import path_to
from epochal._sync.pages import Pages
from epochal._sync.resource import Resource


class Recipes(Resource):
    """`client.recipes`: specs that are known to do well."""

    def list(self) -> Pages[types.Recipe]:
        """Every recipe."""
        return Pages(self._requester, types.Recipe, path_to("recipes"))

    def retrieve(self, recipe: str) -> types.Recipe:
        """A recipe, with its spec."""
        return self._requester.request("GET", path_to("recipes", recipe), cast=types.Recipe)


class Architectures(Resource):
    """`client.architectures`."""

    def list(self) -> Pages[types.Architecture]:
        """Every network that can be trained."""
        return Pages(self._requester, types.Architecture, path_to("architectures"))


class Workers(Resource):
    """`client.workers`."""

    def list(self) -> Pages[types.Worker]:
        """The connected workers."""
        return Pages(self._requester, types.Worker, path_to("workers"))


class Queue(Resource):
    """`client.queue`."""

    def list(self) -> Pages[types.QueuedJob]:
        """The queued jobs, in the order in which they are served, each with why it waits."""
        return Pages(self._requester, types.QueuedJob, path_to("queue"))


class Service(Resource):
    """`client.service`: the service itself."""

    def live(self) -> types.Live:
        """Whether it answers, and which release it is."""
        return self._requester.request("GET", "/livez", cast=types.Live)

    def ready(self) -> types.Ready:
        """What it needs for its work, and whether each of that is there. Raises InternalServerError (503) where not;
        its `body` says what is missing."""
        return self._requester.request("GET", "/readyz", cast=types.Ready)

    def metrics(self) -> str:
        """Its meters, as Prometheus reads them."""
        return (self._requester.request("GET", "/metrics")).text

    def problems(self) -> Pages[types.ProblemKind]:
        """Every kind of error that the API answers with, and what would be right."""
        return Pages(self._requester, types.ProblemKind, "/problems")
