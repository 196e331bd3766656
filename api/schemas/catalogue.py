"""What a job can ask for."""

from typing import Literal

from pydantic import Field, JsonValue

from api.schemas.base import ResponseSchema
from models import VersionStatus
from training.known.recipe_results import RecipeResult
from training.known.recipes import RecipeName
from training.spec import Stem


class Dataset(ResponseSchema):
    """A data set that a job can name, or a folder that is not usable for its `reason`. A field that is known only once
    the data is loaded is null."""

    name: str
    title: str
    source: Literal["shipped", "download", "folder", "upload"] = Field(
        description="`download`: a worker fetches it once. `folder`: in EPOCHAL_DATASETS_DIR. `upload`: the project's "
        "own."
    )
    version: int | None = Field(description="Of an uploaded data set: the version that a job gets. Null: none yet.")
    status: VersionStatus | None = Field(description="Of an uploaded data set: that of its newest version.")
    classes: int | None
    train_images: int | None
    test_images: int | None
    image_size: int | None = Field(description="Side of the square images in pixels.")
    channels: int | None = Field(description="1 for grey, 3 for RGB.")
    licence: str | None
    usable: bool = Field(description="Whether a job can name it.")
    reason: str | None = Field(description="If not usable: why, and what to change.")
    ignored_files: int | None = Field(
        description="How many files of a folder are not images. Hidden files and known companions do not count."
    )
    ignored_examples: list[str] = Field(description="Paths of some of them.")


class NetworkSize(ResponseSchema):
    """How large an architecture is on a reference task."""

    stem: Stem
    dataset: str = Field(description="The reference task.")
    image_size: int
    channels: int
    classes: int
    parameters: int
    flops: int = Field(
        description="Multiply-accumulate operations of one image's forward pass, the count in papers on ResNets."
    )


class Architecture(ResponseSchema):
    """An architecture that a job can name."""

    name: str
    family: Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]
    title: str = Field(description="The family's name.")
    description: str = Field(description="What the networks of the family consist of.")
    paper: str
    options: list[str] = Field(description="Fields of the spec's `architecture` that it accepts beside `name`.")
    stems: list[Stem] = Field(description="Its possible first layers. Where there are two, the option `stem` chooses.")
    sizes: list[NetworkSize] = Field(description="One for each stem, with every other option at its default.")


class Recipe(ResponseSchema):
    """A named starting point for a spec."""

    name: RecipeName = Field(description="The value of a spec's `recipe`.")
    title: str
    description: str
    spec: dict[str, JsonValue] = Field(
        description="The values of fields that a spec leaves out. All other fields have their defaults."
    )
    results: list[RecipeResult] = Field(description="Measured results; empty if there are none.")
