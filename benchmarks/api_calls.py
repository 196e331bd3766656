"""The calls that are measured, as clients make them."""

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from benchmarks.api_load import Address, ask
from benchmarks.api_rows import LARGE_EPOCHS

SUBMITTED = {"name": "of the benchmark", "tags": ["bench"], "spec": {"dataset": "digits", "epochs": 3}}


@dataclass(frozen=True, slots=True)
class Targets:
    """What there is to ask for."""

    job_ids: Sequence[str]  # of jobs that have LARGE_EPOCHS
    middle: str  # a job with as many before as behind it


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of request. Some ask the API before, for what they are to send."""

    name: str
    requests: Callable[[Address, Targets], Coroutine[Any, Any, list[bytes]]]


def _each(name: str, path: str) -> Call:
    """Of one job after the other."""

    async def requests(address: Address, targets: Targets) -> list[bytes]:
        return [address.request("GET", path.format(job_id)) for job_id in targets.job_ids]

    return Call(name, requests)


def _known(name: str, path: str) -> Call:
    """Of what the client has already: to be answered 304."""

    async def requests(address: Address, targets: Targets) -> list[bytes]:
        found = []
        for job_id in targets.job_ids:
            answer = await ask(address, address.request("GET", path.format(job_id)))
            if tag := answer.header("ETag"):
                found.append(address.request("GET", path.format(job_id), headers={"If-None-Match": tag}))
        return found

    return Call(name, requests)


def _list(called: str, /, *, following: bool = False, **query: str) -> Call:
    """A page of jobs, or the one behind it; `{middle}` in a value is the job in the middle."""

    async def requests(address: Address, targets: Targets) -> list[bytes]:
        values = {key: value.format(middle=targets.middle) for key, value in query.items()}
        path = f"/v1/jobs?{urlencode(values)}"
        if following:
            answer = await ask(address, address.request("GET", path))
            path = json.loads(answer.body)["next"]
        return [address.request("GET", path)]

    return Call(called, requests)


async def _submit(address: Address, _targets: Targets) -> list[bytes]:
    return [address.request("POST", "/v1/jobs", json.dumps(SUBMITTED).encode())]


NEW_ROW = f"/v1/jobs/{{}}/metrics?after_epoch={LARGE_EPOCHS - 2}"

CALLS = (
    Call("submit", _submit),
    _each("get", "/v1/jobs/{}"),
    _known("get: 304", "/v1/jobs/{}"),
    _each("metrics: a new row", NEW_ROW),
    _known("metrics: 304", NEW_ROW),
    _each(f"metrics: {LARGE_EPOCHS} rows", "/v1/jobs/{}/metrics"),
    _each("events", "/v1/jobs/{}/events?limit=20"),
    _list("list"),
    _list("list: deep", after="{middle}"),
    _list("list: status", status="failed"),
    _list("list: status, deep", status="failed", after="{middle}"),
    _list("list: dataset", dataset="cifar10"),
    _list("list: rare dataset", dataset="satellites"),
    _list("list: architecture", architecture="resnet34"),
    _list("list: tag", tag="thesis"),
    _list("list: tag, deep", tag="thesis", after="{middle}"),
    _list("list: name", name="baseline"),
    _list("list: created", created_after="2024-06-01T00:00:00Z", created_before="2024-09-01T00:00:00Z"),
    _list("list: best accuracy", sort="-best_accuracy"),
    _list("list: best accuracy, second page", following=True, sort="-best_accuracy"),
    _list("list: status and dataset", status="failed", dataset="digits"),
)
KEYED = {"submit", "get", "metrics: a new row", "metrics: 304", "list: status"}
