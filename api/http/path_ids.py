"""Ids in paths."""

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
    """A dependency that reads the path's parameter `name`. Text that is no id names nothing that exists: it is answered
    with `not_found`, made of the path's parameters, and the database is not asked."""

    async def read(
        request: Request, value: Annotated[str, Path(alias=name, description=description, examples=[example])]
    ) -> str:
        if not is_id(value):
            raise not_found(request.path_params)
        return value

    return Depends(read)
