"""Answers that are made while they go out."""

from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from api.service.fair_limiter import Slot

Piece = TypeVar("Piece", bytes, str)


async def piece_by_piece(pieces: Iterator[Piece], slot: Slot) -> AsyncIterator[Piece]:
    """Make each piece in a thread and with a slot of its own. While a piece goes out, however slowly, others have the
    slot."""
    while True:
        async with slot.another():
            piece = await run_in_threadpool(next, pieces, None)
        if piece is None:
            return
        yield piece
