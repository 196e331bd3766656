"""The data sets that a job can name."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import CatalogueDep
from api.service.admitted_route import AdmittedRoute
from api.views import translate

router = APIRouter(prefix="/datasets", tags=["catalogue"], route_class=AdmittedRoute)


@router.get("", operation_id="list_datasets", summary="List the data sets that a job can name")
def list_datasets(catalogue: CatalogueDep) -> schemas.Page[schemas.Dataset]:
    """The data sets that Epochal knows, and the image folders of this deployment. Those that cannot be used are listed
    with the reason."""
    return translate.single_page([schemas.Dataset.model_validate(entry) for entry in catalogue.entries()])
