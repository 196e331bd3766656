"""What a job can ask for."""

from typing import Literal

from pydantic import Field, JsonValue

from api.schemas.wire import Wire
from training.known.recipe_results import RecipeResult
from training.known.recipes import RecipeName
from training.spec import Stem


class Dataset(Wire):
    """A data set that a job can name, or a folder that would be one but for its `reason`. Null is what only loading it
    would tell."""

    name: str
    title: str
    source: Literal["shipped", "download", "folder"] = Field(
        description="`download`: a worker fetches it once. `folder`: in EPOCHAL_DATASETS_DIR."
    )
    classes: int | None
    train_images: int | None
    test_images: int | None
    image_size: int | None = Field(description="Side of its square images in pixels.")
    channels: int | None = Field(description="1 for grey, 3 for RGB.")
    licence: str | None
    usable: bool = Field(description="Whether a job can name it.")
    reason: str | None = Field(description="Why a job that names it would be refused, and what would be right.")
    ignored_files: int | None = Field(
        description="Of a folder: files that are no images. Hidden files and known companions do not count."
    )
    ignored_examples: list[str] = Field(description="Places of some of them.")


class NetworkSize(Wire):
    """How large an architecture is on a reference task."""

    stem: Stem
    dataset: str = Field(description="The reference task.")
    image_size: int
    channels: int
    classes: int
    parameters: int
    flops: int = Field(description="Multiply-accumulates of one image's forward pass, as papers on ResNets count them.")


class Architecture(Wire):
    """An architecture that a job can name."""

    name: str
    family: Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]
    title: str = Field(description="Of the family.")
    description: str = Field(description="Of the family: what its networks consist of.")
    paper: str
    options: list[str] = Field(description="Fields that the spec's architecture takes beside `name`.")
    stems: list[Stem] = Field(description="What it begins with: of two, the option `stem` chooses one.")
    sizes: list[NetworkSize] = Field(description="One a stem, with every option at its default.")


class Recipe(Wire):
    """A named starting point for a spec."""

    name: RecipeName = Field(description="What a spec's `recipe` says.")
    title: str
    description: str
    spec: dict[str, JsonValue] = Field(
        description="What it fills in where the spec says nothing; all else takes its default."
    )
    results: list[RecipeResult] = Field(description="What it was measured to reach; empty where nothing was measured.")
