"""A training job's hyperparameters: as they were stored, and as somebody submits them."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, Self

from pydantic import PrivateAttr, ValidationError, model_serializer, model_validator

from training.known.datasets import KNOWN_DATASETS, SHIPPED
from training.known.recipes import RECIPES, fill_from_recipe
from training.spec.conflicts import DataShape, data_conflicts, inner_conflicts, published_conflicts
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
        added since takes its default. Raises ValidationError where it says what this release does not know."""
        return ResolvedSpec.model_validate(stored)

    @staticmethod
    def to_show(stored: Mapping[str, Any]) -> "ResolvedSpec":
        """The same for whoever only shows it, and raises nothing: an UnknownSpec where it cannot be read whole."""
        try:
            return ResolvedSpec.from_stored(stored)
        except ValidationError as error:
            return UnknownSpec.around(stored, error)

    def __eq__(self, other: object) -> bool:
        """Whether they say the same, the one just submitted and the other read back, perhaps."""
        return isinstance(other, ResolvedSpec) and self.__dict__ == other.__dict__

    def conflicts_with(self, data: DataShape) -> Iterator[Conflict]:
        """Where this spec does not fit `data`."""
        return data_conflicts(self, data)


class UnknownSpec(ResolvedSpec):
    """A stored spec with something that this release does not know: a later one wrote it, perhaps. It is shown as it is
    stored; fields that cannot be read have their defaults here. Nobody may train it."""

    _stored: Mapping[str, Any] = PrivateAttr()

    @classmethod
    def around(cls, stored: Mapping[str, Any], error: ValidationError) -> "UnknownSpec":
        """Of what is stored, and why it cannot be read."""
        readable = deepcopy(dict(stored))
        while True:
            for item in error.errors():
                _take_out(readable, item["loc"])
            try:
                spec = cls.model_validate({"dataset": "unknown", **readable})
            except ValidationError as another:  # of what was taken out, something else had need
                error = another
            else:
                spec = spec.model_copy(update={"dataset": str(stored.get("dataset"))})
                spec._stored = stored
                return spec

    @model_serializer(mode="plain")
    def _as_it_is_stored(self) -> dict[str, Any]:
        return dict(self._stored)


# What pydantic calls a field, a kind and a value that there is not.
_NOT_KNOWN = frozenset(
    {
        "extra_forbidden",
        "union_tag_invalid",
        "literal_error",
        "string_pattern_mismatch",
        "less_than",
        "less_than_equal",
        "greater_than",
        "greater_than_equal",
    }
)


def is_of_later_release(error: ValidationError) -> bool:
    """Whether a stored spec cannot be read because it has what only a later release knows, and not because it is
    damaged."""
    return all(item["type"] in _NOT_KNOWN for item in error.errors())


def _take_out(body: dict[str, Any], place: Sequence[str | int]) -> None:
    """What stands at `place`, or else the whole field that it is in. Names of kinds are passed over, which are in a
    place and not in the body."""
    field, *inner = place
    part = body.get(field) if isinstance(field, str) else None
    for name in inner[:-1]:
        part = part[name] if isinstance(part, dict) and name in part else part
    if inner and isinstance(part, dict) and inner[-1] in part:
        del part[inner[-1]]
    else:
        body.pop(str(field), None)


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
            yield from published_conflicts(self)
            yield from self.conflicts_with(
                DataShape(
                    train_images=known.train_images,
                    test_images=known.test_images,
                    classes=known.classes,
                    image_size=self.image_size or known.image_size,
                    channels=known.channels,
                )
            )
