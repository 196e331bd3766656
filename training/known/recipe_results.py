"""What recipes were measured to reach: records that ship with the package. Torch-free.

`benchmarks/accuracy.py` writes them, through `record_result`, and nothing else does: what was not measured is not
there.
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
        """What it is a measurement of: a later one of the same takes its place."""
        return self.recipe, self.architecture, self.dataset, self.epochs


_RECORDS: TypeAdapter[list[RecipeResult]] = TypeAdapter(list[RecipeResult])


def read_results(path: Path = RESULTS) -> Sequence[RecipeResult]:
    """Every record there is, by recipe, architecture, data set and epochs."""
    return _RECORDS.validate_json(path.read_bytes())


def record_result(result: RecipeResult, path: Path = RESULTS) -> None:
    """Keep `result`, in place of an earlier one of the same recipe, architecture, data set and epochs."""
    others = [record for record in read_results(path) if record.measured != result.measured]
    records = sorted([*others, result], key=lambda record: record.measured)
    written = path.with_suffix(".new")
    written.write_bytes(_RECORDS.dump_json(records, indent=2) + b"\n")
    written.replace(path)
