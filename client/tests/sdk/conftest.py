"""Each test that takes `connect` is of both clients: the one that waits, and the one that is awaited."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# What these tests share is a module, wherever they run.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from sdk.awaited import Awaited  # noqa: E402

from epochal import AsyncEpochal, Epochal  # noqa: E402

Connect = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EPOCHAL_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long somebody would have waited."""
    seconds: list[float] = []

    async def sleep(count: float) -> None:
        seconds.append(count)

    monkeypatch.setattr("epochal._sync.waiting.sleep", seconds.append)
    monkeypatch.setattr("epochal._async.waiting.sleep", sleep)
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    return seconds


@pytest.fixture(params=["waits", "awaited"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a client of the answers of a service, or of its address."""
    made: list[Any] = []
    loop = asyncio.new_event_loop()

    def make(
        service: Any = None, api_key: str | None = None, *, url: str | None = "http://epochal.test", **options: Any
    ) -> Any:
        options |= {"transport": service.transport} if service is not None else {}
        client: Any = Epochal(url, api_key, **options) if request.param == "waits" else None
        client = client or Awaited(AsyncEpochal(url, api_key, **options), loop)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
