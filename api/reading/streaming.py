"""Answers that are made while they go out."""

from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from api.service.fair_limiter import Slot

Piece = TypeVar("Piece", bytes, str)


async def in_turns(pieces: Iterator[Piece], slot: Slot) -> AsyncIterator[Piece]:
    """Each piece made in a thread, in a turn of its own: while it goes out, however slowly, others are served."""
    while True:
        async with slot.again():
            piece = await run_in_threadpool(next, pieces, None)
        if piece is None:
            return
        yield piece
