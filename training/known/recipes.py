"""Named starting points: what a spec says when it says nothing. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RecipeName = Literal["lab-baseline", "standard", "strong", "sprint", "state-of-the-art"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`spec` holds the fields of a TrainingSpec that the recipe sets; any of them may be overridden."""

    title: str
    description: str
    spec: Mapping[str, Any]


RECIPES: dict[RecipeName, Recipe] = {
    "lab-baseline": Recipe(
        title="The lab exercise's run",
        description="ResNet-18 with Adam and no augmentation, as the lab report trained it: there, it learned its "
        "training images by heart, and stayed at 49 % on CIFAR-100.",
        spec={
            "architecture": "resnet18",
            "epochs": 500,
            "batch_size": 2000,
            "optimizer": {"name": "adam", "learning_rate": 0.001},
            "schedule": "constant",
        },
    ),
    "standard": Recipe(
        title="The literature's usual recipe for CIFAR",
        description="SGD with Nesterov's momentum, cosine after a short warm-up, crop and flip.",
        spec={
            "architecture": "resnet18",
            "epochs": 200,
            "batch_size": 128,
            "optimizer": {"name": "nesterov", "learning_rate": 0.1, "weight_decay": 5e-4},
            "schedule": {"name": "cosine", "warmup_epochs": 1},
            "augmentation": {"crop": {"padding": 4}, "flip": True},
        },
    ),
    "strong": Recipe(
        title="Heavier augmentation, for long runs",
        description="Standard, with TrivialAugment, CutMix, label smoothing and a moving average.",
        spec={
            "architecture": "resnet18",
            "epochs": 200,
            "batch_size": 128,
            "optimizer": {"name": "nesterov", "learning_rate": 0.1, "weight_decay": 5e-4},
            "schedule": {"name": "cosine", "warmup_epochs": 1},
            "augmentation": {
                "crop": {"padding": 4},
                "flip": True,
                "policy": "trivialaugment",
                "cutmix": {"alpha": 1.0, "probability": 0.5},
            },
            "regularisation": {"label_smoothing": 0.1, "ema": {"decay": 0.999}},
        },
    ),
    "sprint": Recipe(
        title="For a few epochs",
        description="Muon at a high learning rate that falls to 0 in a straight line; a narrow crop and flip.",
        spec={
            "architecture": "resnet18",
            "epochs": 15,
            "batch_size": 128,
            "optimizer": {"name": "muon", "learning_rate": 0.06, "weight_decay": 0.02},
            "schedule": {"name": "linear", "warmup_epochs": 1},
            "augmentation": {"crop": {"padding": 2, "padding_mode": "reflect"}, "flip": True},
        },
    ),
    "state-of-the-art": Recipe(
        title="The largest network and the heaviest regularisation",
        description="PyramidNet-272 with ShakeDrop, AutoAugment, cutout and SAM, 1,800 epochs.",
        spec={
            "architecture": {"name": "pyramidnet-272-200", "shake_drop": 0.5},
            "epochs": 1800,
            "batch_size": 128,
            "optimizer": {"name": "nesterov", "learning_rate": 0.05, "weight_decay": 5e-4, "sam": {"rho": 0.05}},
            "schedule": {"name": "cosine", "warmup_epochs": 5},
            "augmentation": {"crop": {"padding": 4}, "flip": True, "policy": "autoaugment", "cutout": {"size": 16}},
        },
    ),
}


class RecipeNotFound(LookupError):
    """There is no recipe of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no recipe {name[:64]!r}; there is {', '.join(RECIPES)}.")
        self.name = name


def find_recipe(name: str) -> tuple[RecipeName, Recipe]:
    """The recipe `name`, and its name as one of those there are. Raises RecipeNotFound."""
    for known, recipe in RECIPES.items():
        if known == name:
            return known, recipe
    raise RecipeNotFound(name)


def fill_from_recipe(recipe: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """`body`, with the fields that it lacks taken from `recipe`, also within each part (optimizer, schedule, …).

    Where `body` names another kind of a part, nothing of the recipe's part is taken. null removes the recipe's part.
    """
    merged = dict(recipe)
    for field, value in body.items():
        ours, theirs = _in_full(recipe.get(field), value)
        if (
            isinstance(ours, Mapping)
            and isinstance(theirs, Mapping)
            and theirs.get("name", ours.get("name")) == ours.get("name")
        ):
            merged[field] = fill_from_recipe(ours, theirs)
        else:
            merged[field] = value
    return merged


def _in_full(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Both values, and where one is a plain string and the other a part, the string as a part of that name."""
    if isinstance(ours, str) and isinstance(theirs, Mapping):
        return {"name": ours}, theirs
    if isinstance(ours, Mapping) and "name" in ours and isinstance(theirs, str):
        return ours, {"name": theirs}
    return ours, theirs
