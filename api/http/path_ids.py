"""Ids in paths: checked before the database is asked."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Path, Request


def path_id(
    name: str,
    description: str,
    example: str,
    is_id: Callable[[str], Any],
    not_found: Callable[[Mapping[str, str]], Exception],
) -> Any:
    """A dependency that reads the path parameter `name`. Text that `is_id` rejects cannot name anything that exists, so
    it raises `not_found`, called with the path parameters, without a database query."""

    async def read(
        request: Request, value: Annotated[str, Path(alias=name, description=description, examples=[example])]
    ) -> str:
        if not is_id(value):
            raise not_found(request.path_params)
        return value

    return Depends(read)
