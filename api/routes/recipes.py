"""Named starting points for a spec."""

from fastapi import APIRouter

from api import schemas
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from training.known.recipe_results import read_results
from training.known.recipes import RECIPES, find_recipe

router = APIRouter(prefix="/recipes", tags=["catalogue"], route_class=AdmittedRoute)


@router.get("", operation_id="list_recipes", summary="List the recipes that a job can name")
def list_recipes() -> schemas.Page[schemas.Recipe]:
    """Each with the fields that it fills in, and with its measured results."""
    return translate.single_page([_recipe(name) for name in RECIPES])


@router.get("/{recipe}", operation_id="get_recipe", summary="What a recipe fills in, and what it reaches")
def get_recipe(recipe: str) -> schemas.Recipe:
    """A job that names the recipe gets its fields, unless the job's own spec sets them."""
    return _recipe(recipe)


def _recipe(asked: str) -> schemas.Recipe:
    name, recipe = find_recipe(asked)
    results = [result for result in read_results() if result.recipe == name]
    return schemas.Recipe(
        name=name, title=recipe.title, description=recipe.description, spec=dict(recipe.spec), results=results
    )
