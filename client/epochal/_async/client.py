"""The client of one service."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import httpx2

from epochal import types
from epochal._async.access import AsyncKeys, AsyncProjects
from epochal._async.catalog import AsyncArchitectures, AsyncQueue, AsyncRecipes, AsyncService, AsyncWorkers
from epochal._async.datasets import AsyncDatasets
from epochal._async.events import AsyncEvents
from epochal._async.jobs import AsyncJobs
from epochal._async.models import AsyncModels
from epochal._async.requester import AsyncRequester
from epochal._async.sweeps import AsyncExperiments, AsyncSweeps
from epochal._async.uploads import AsyncUploads
from epochal._async.webhooks import AsyncWebhooks
from epochal._http import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Options, given, path_to
from epochal.comparison import Comparison
from epochal.errors import APIStatusError


class AsyncEpochal:
    """A client of the service at `base_url` or EPOCHAL_URL. `api_key` or EPOCHAL_API_KEY is needed if the service
    requires keys; "" is no key, whatever the environment has. Every method raises EpochalError.

    A request is sent again, up to `max_retries` times with longer and longer waits, after a lost connection and after
    the statuses 408, 429 and 500 and above, and at least as late as the service asks. One that makes a job, a sweep or
    a model has an idempotency key of its own, so that it makes only one. One that acts each time, such as making an API
    key, is sent again only where it certainly did nothing. `timeout` is in seconds, for each connection, write and
    read.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._use(AsyncRequester(base_url, api_key, Options(timeout, max_retries), transport))

    def _use(self, requester: AsyncRequester) -> None:
        self._requester = requester
        self.base_url = requester.base_url
        self.architectures = AsyncArchitectures(requester)
        self.datasets = AsyncDatasets(requester)
        self.events = AsyncEvents(requester)
        self.experiments = AsyncExperiments(requester)
        self.jobs = AsyncJobs(requester)
        self.keys = AsyncKeys(requester)
        self.models = AsyncModels(requester)
        self.projects = AsyncProjects(requester)
        self.queue = AsyncQueue(requester)
        self.recipes = AsyncRecipes(requester)
        self.service = AsyncService(requester)
        self.sweeps = AsyncSweeps(requester)
        self.uploads = AsyncUploads(requester)
        self.webhooks = AsyncWebhooks(requester)
        self.workers = AsyncWorkers(requester)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> AsyncEpochal:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._requester.aclose()

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> AsyncEpochal:
        """The same client with other options. It shares the connections: close one of the two."""
        now = self._requester.options
        options = Options(
            now.timeout if timeout is None else timeout, now.max_retries if max_retries is None else max_retries
        )
        other = object.__new__(type(self))
        other._use(self._requester.with_options(options))
        return other

    async def caller(self) -> types.Caller:
        """Whose key this client has, what it may do, and whether the service requires keys at all."""
        return await self._requester.request("GET", path_to("caller"), cast=types.Caller)

    async def links(self, paths: Sequence[str]) -> Sequence[types.Link]:
        """Addresses of files or pictures, up to 100, such as `job.links.weights`, each with one that needs no key for a
        minute. A `url` is relative to the service's host."""
        body = {"paths": [*paths]}
        answer = await self._requester.request("POST", path_to("links"), json=body, repeatable=True, cast=types.Links)
        return answer.data

    async def compare(self, job_ids: Sequence[str], *, max_points: int | None = None) -> Comparison:
        """The curves of 2 to 10 jobs on one axis of epochs, where their specs differ, and whether their accuracies
        differ by more than their seeds make."""
        query = {"job": [*job_ids], **given({"max_points": max_points})}
        return await self._requester.request("GET", path_to("compare"), query=query, cast=Comparison)

    async def curves(self, job_ids: Sequence[str], *, max_points: int | None = None) -> Sequence[types.JobCurves]:
        """Loss and accuracy of up to 100 jobs, of each in the epochs that a small chart needs. Those that there are
        not are left out."""
        query = {"job": [*job_ids], **given({"max_points": max_points})}
        return (await self._requester.request("GET", path_to("curves"), query=query, cast=types.CurveList)).data

    async def ready(self) -> bool:
        """Whether the service can do its work now. Raises APIConnectionError where nothing answers."""
        try:
            await self.with_options(max_retries=0).service.ready()
        except APIStatusError as error:
            if error.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                return False
            raise
        return True
