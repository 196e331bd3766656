"""Answers that are produced while they are sent."""

from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from api.service.fair_limiter import Slot

Piece = TypeVar("Piece", bytes, str)


async def piece_by_piece(pieces: Iterator[Piece], slot: Slot) -> AsyncIterator[Piece]:
    """Produce each piece in a thread, while holding a slot. No slot is held while a piece is sent, however slowly."""
    while True:
        async with slot.another():
            piece = await run_in_threadpool(next, pieces, None)
        if piece is None:
            return
        yield piece
