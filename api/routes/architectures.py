"""The networks that a job can name."""

from functools import cache

from fastapi import APIRouter

from api import schemas
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from catalog.architectures import architectures

router = APIRouter(prefix="/architectures", tags=["catalogue"], route_class=AdmittedRoute)


@router.get("", operation_id="list_architectures", summary="List the architectures that a job can name")
def list_architectures() -> schemas.Page[schemas.Architecture]:
    """Sizes are those on a reference data set. On another one, only its numbers of classes and channels change the
    number of parameters."""
    return translate.single_page(_every_architecture())


@cache
def _every_architecture() -> list[schemas.Architecture]:
    return [schemas.Architecture.model_validate(entry) for entry in architectures()]
