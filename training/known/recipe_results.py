"""The measured accuracy of recipes: results that ship with the package. Torch-free.

`benchmarks/accuracy.py` writes them, through `save_result`. Nothing else does, so that every result was measured.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from training.known.recipes import RecipeName

RESULTS = Path(__file__).with_name("recipe_results.json")

Accuracy = Annotated[float, Field(ge=0, le=1)]


class RecipeResult(BaseModel):
    """One measurement of a recipe, over one seed or several. Accuracies are fractions in [0, 1] of the test split,
    after the last epoch, without test-time augmentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    recipe: RecipeName
    architecture: str = Field(description="Name of the network, which need not be the recipe's own.")
    dataset: str
    epochs: int = Field(ge=1, description="Epochs trained, which need not be the recipe's own.")
    seeds: tuple[int, ...] = Field(min_length=1, description="One run each.")
    test_accuracy_mean: Accuracy = Field(description="Over the seeds, after the last epoch.")
    test_accuracy_deviation: Accuracy | None = Field(
        description="Standard deviation over the seeds, with n - 1; null of a single seed."
    )
    seconds: float = Field(ge=0, description="Wall time of one run, the mean over the seeds.")
    device: str = Field(description="What it ran on: an accelerator's name, or a processor's.")
    torch_version: str
    date: date

    @property
    def measured(self) -> tuple[str, str, str, int]:
        """What was measured. A later result of the same replaces this one."""
        return self.recipe, self.architecture, self.dataset, self.epochs


_RESULTS: TypeAdapter[list[RecipeResult]] = TypeAdapter(list[RecipeResult])


def read_results(path: Path = RESULTS) -> Sequence[RecipeResult]:
    """All results, sorted by recipe, architecture, data set and epochs."""
    return _RESULTS.validate_json(path.read_bytes())


def save_result(result: RecipeResult, path: Path = RESULTS) -> None:
    """Keep `result`, in place of an earlier one of the same recipe, architecture, data set and epochs."""
    others = [other for other in read_results(path) if other.measured != result.measured]
    results = sorted([*others, result], key=lambda each: each.measured)
    written = path.with_suffix(".new")
    written.write_bytes(_RESULTS.dump_json(results, indent=2) + b"\n")
    written.replace(path)
