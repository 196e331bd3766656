"""What differs between a client that is awaited and one that waits: the two modules of this name."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def sleep(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """The result of work that takes long, done beside the event loop."""
    return await asyncio.to_thread(function, *arguments)
