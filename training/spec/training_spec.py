"""What a training job asks for: its hyperparameters, filled in from a recipe, and found to fit together."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Self

from pydantic import ValidationInfo, model_validator

from training.known_datasets import KNOWN_DATASETS, SHIPPED
from training.recipes import RECIPES, filled
from training.spec.conflicts import DataShape, data_conflicts, inner_conflicts
from training.spec.hyperparameters import Hyperparameters
from training.spec.part import Conflict, refusals

_STORED = "stored"  # as a validation's context: the spec has been resolved and checked before


class TrainingSpec(Hyperparameters):
    """A training job's hyperparameters, every default resolved."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """The spec that `model_dump(mode="json")` wrote, by this release or by an earlier one.

        It means what it meant: a recipe that has changed since adds nothing to it, a field that has been added since
        takes its default, and a conflict that was none then is none now.
        """
        return cls.model_validate(stored, context=_STORED)

    def conflicts_with(self, data: DataShape) -> Iterator[Conflict]:
        """Where this spec does not fit `data`."""
        return data_conflicts(self, data)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_recipe(cls, body: object, info: ValidationInfo) -> object:
        name = body.get("recipe") if isinstance(body, Mapping) else None
        if isinstance(body, Mapping) and isinstance(name, str) and name in RECIPES and info.context != _STORED:
            return filled(RECIPES[name].spec, body)
        return body  # an unknown recipe is refused as a field

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        if info.context != _STORED and (conflicts := [*chain(inner_conflicts(self), self._shipped_conflicts())]):
            raise refusals(conflicts)
        return self

    def _shipped_conflicts(self) -> Iterator[Conflict]:
        """What a download or a folder holds is known to the worker alone; what ships with us, at once."""
        if self.dataset in SHIPPED:
            known = KNOWN_DATASETS[self.dataset]
            yield from self.conflicts_with(
                DataShape(
                    train_images=known.train_images,
                    test_images=known.test_images,
                    classes=known.classes,
                    image_size=self.image_size or known.image_size,
                    channels=known.channels,
                )
            )
