"""A training job's hyperparameters: as they were stored, and as somebody submits them."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Self

from pydantic import model_validator

from training.known.datasets import KNOWN_DATASETS, SHIPPED
from training.known.recipes import RECIPES, fill_from_recipe
from training.spec.conflicts import DataShape, data_conflicts, inner_conflicts, shipped_conflicts
from training.spec.hyperparameters import Hyperparameters
from training.spec.part import Conflict, refusals


class ResolvedSpec(Hyperparameters):
    """A spec that was accepted, with every default resolved: what is stored, shown and trained.

    It is not judged again. It has no recipe filled in and no rule about which fields go together, so that neither a
    recipe that has changed since nor a rule that is new makes an old job unreadable or mean something else. The bounds
    of its fields may widen from release to release, and never narrow.
    """

    @staticmethod
    def from_stored(stored: Mapping[str, Any]) -> "ResolvedSpec":
        """The spec that `model_dump(mode="json")` wrote, by this release or by an earlier one. A field that has been
        added since takes its default."""
        return ResolvedSpec.model_validate(stored)

    def __eq__(self, other: object) -> bool:
        """Whether they say the same, the one just submitted and the other read back, perhaps."""
        return isinstance(other, ResolvedSpec) and self.__dict__ == other.__dict__

    def conflicts_with(self, data: DataShape) -> Iterator[Conflict]:
        """Where this spec does not fit `data`."""
        return data_conflicts(self, data)


class TrainingSpec(ResolvedSpec):
    """A training job's hyperparameters, as somebody submits them: filled in from the recipe that they name, and
    refused where they do not go together, or not with a data set that ships with Epochal."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_recipe(cls, body: object) -> object:
        name = body.get("recipe") if isinstance(body, Mapping) else None
        if isinstance(body, Mapping) and isinstance(name, str) and name in RECIPES:
            return fill_from_recipe(RECIPES[name].spec, body)
        return body  # an unknown recipe is refused as a field

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if conflicts := [*chain(inner_conflicts(self), self._shipped_conflicts())]:
            raise refusals(conflicts)
        return self

    def _shipped_conflicts(self) -> Iterator[Conflict]:
        """What a download or a folder holds is known to the worker alone; what ships with us, at once."""
        if self.dataset in SHIPPED:
            known = KNOWN_DATASETS[self.dataset]
            yield from shipped_conflicts(self)
            yield from self.conflicts_with(
                DataShape(
                    train_images=known.train_images,
                    test_images=known.test_images,
                    classes=known.classes,
                    image_size=self.image_size or known.image_size,
                    channels=known.channels,
                )
            )
