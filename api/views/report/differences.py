"""Where a spec departs from its recipe, or from the defaults."""

from collections.abc import Sequence
from typing import Any

from api.views.report.document import Block, Code, Paragraph, Table
from api.views.report.text import as_json
from jobs.comparison import spec_differences
from training.known.recipes import RECIPES, fill_from_recipe
from training.spec import ResolvedSpec

MOST_ROWS = 40
_OWN = {"/dataset", "/recipe"}  # which every job says itself


def differences(spec: ResolvedSpec) -> tuple[str, Sequence[Block]]:
    """A title, and a table of the fields that differ."""
    recipe = spec.recipe
    said: dict[str, Any] = {"dataset": spec.dataset, "recipe": recipe}
    known = fill_from_recipe(RECIPES[recipe].spec, said) if recipe else said
    start = f"the recipe {recipe}" if recipe else "the defaults"
    both = {"start": ResolvedSpec.model_validate(known), "job": spec}
    # A field that only one of two kinds has says nothing: that the kinds differ, their names do.
    found = [each for each in spec_differences(both) if each.pointer not in _OWN and len(each.values) == len(both)]
    title = f"What differs from {start}"
    if not found:
        return title, [Paragraph(["Nothing: every setting is as it has it."])]
    rows = [
        (Code(each.pointer[1:].replace("/", ".")), *(as_json(each.values[side], 60) for side in both))
        for each in found[:MOST_ROWS]
    ]
    return title, [Table(["Setting", start.capitalize(), "This job"], rows)]
