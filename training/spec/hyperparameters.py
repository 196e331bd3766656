"""Every field of a training spec, in the order in which a form would ask for them."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from training.batching import validation_images
from training.known.dataset_names import NAME, REFERENCE
from training.known.recipes import RecipeName
from training.spec.architecture import Architecture, ResNet
from training.spec.augmentation import Augmentation
from training.spec.checkpoints import Checkpoints
from training.spec.optimizer import Optimizer, Sgd
from training.spec.part import Part, quantity
from training.spec.regularisation import Regularisation
from training.spec.schedule import Cosine, Schedule
from training.spec.validation import ValidationFold


def _one_reason(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """One error in place of one for each member of the union."""
    try:
        return validate(value)
    except ValidationError as error:
        raise PydanticCustomError("batch_size", 'should be a number from 2 to 65,536, or "full"') from error


BatchSize = Annotated[Annotated[int, Field(ge=2, le=65_536)] | Literal["full"], WrapValidator(_one_reason)]


Freeze = Literal["none", "stem", "all-but-head"]


class Hyperparameters(Part):
    """A training job's hyperparameters, each within its own bounds."""

    recipe: RecipeName | None = Field(
        default=None,
        description="A named starting point from GET /v1/recipes, which fills in what the spec does not say itself. "
        "Whatever the spec does say goes before; null takes one of the recipe's parts away.",
    )
    dataset: str = Field(
        pattern=f"^{REFERENCE}$",
        description="What to train on, a name from GET /v1/datasets: a data set that you have uploaded, a folder of "
        "the data sets' directory, or a known data set. Of an uploaded one, `pets` is the newest version that is "
        "ready when the job is submitted, and `pets@3` the third.",
        examples=["digits"],
    )
    image_size: int | None = quantity(
        None,
        unit="pixels",
        ge=8,
        le=1024,
        description="Side to which images are brought. null: the images' own size where they all share one and "
        "it is square, otherwise the median of their shorter sides, 224 at most.",
    )
    resize: Literal["crop", "pad", "stretch"] = Field(
        default="crop",
        description="How an image that is not square becomes so: `crop` brings the shorter side to image_size and "
        "cuts out the centre, `pad` brings the longer side to it and fills up with black, `stretch` distorts.",
    )
    unreadable_images: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="What a broken image file does: fail the job, naming the file, or be left out; the job says how "
        "many were.",
    )
    validation_fraction: float = quantity(
        0.0,
        unit="share of the training images",
        ge=0,
        le=0.9,
        description="Share that is split off, class by class, to choose the best epoch on; without, it is chosen on "
        "the test split.",
    )
    validation_fold: ValidationFold | None = Field(
        default=None,
        description="In place of validation_fraction, for cross-validation: hold out one of several equal parts of the "
        "training images, and keep the probabilities that the trained network gives to them and to the test images.",
    )
    placement: Literal["auto", "resident", "streamed"] = Field(
        default="auto",
        description="Where the decoded images lie: all on the device, or read from a decoded cache on disk as they are "
        "needed. `auto`: resident where they fit into half of the free memory.",
    )
    architecture: Architecture = Field(
        default=ResNet(name="resnet18"), description="The network. ResNet-18 is the usual reference on small images."
    )
    starting_weights: str | None = Field(
        default=None,
        pattern=f"^{NAME}(@{NAME})?$",
        description="What to start from; null: random weights. A trained model, by its id or as `cats`, `cats@3`, "
        "`cats@production`, which is the one that it stands for when the job is submitted; or the id of a job that has "
        "weights. Its architecture must be the same, the size of its images need not be: the stem `auto` is the one "
        "that these weights have. The last linear layer, the head, starts anew where the classes are others by name.",
        examples=["mdl_01kasm2pbk5s9d0w3g6vq8zrhf"],
    )
    freeze: Freeze = Field(
        default="none",
        description="Which layers keep their starting weights as they are, and their normalisations' statistics: none, "
        "the stem, or all but the head, which is the last linear layer alone.",
    )
    starting_weights_learning_rate_factor: float = quantity(
        1.0,
        unit="share of the learning rate",
        gt=0,
        le=1,
        description="Layers that start from given weights learn at this share of the learning rate; a head that starts "
        "anew, at the whole.",
    )
    epochs: int = quantity(30, unit="epochs", ge=1, le=10_000, description="Passes over the training images.")
    batch_size: BatchSize = quantity(
        128,
        unit="images",
        description="Images that a step takes in; He et al.'s 128 by default. Batch normalisation needs two at least; "
        '"full" takes all training images each step.',
    )
    micro_batch_size: int | None = quantity(
        None,
        unit="images",
        ge=2,
        le=65_536,
        description="Work through a batch in parts of this size and add up their gradients, which saves memory; "
        'normalisation sees one part at a time. null: whole batches, and 1,024 for "full".',
    )
    optimizer: Optimizer = Field(
        default=Sgd(), description="How weights follow gradients. SGD generalises best on small images."
    )
    schedule: Schedule = Field(
        default=Cosine(), description="The learning rate over the run. Cosine has nothing to tune."
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="How training images are changed, anew each epoch; not at all by default."
    )
    regularisation: Regularisation = Field(
        default=Regularisation(),
        description="What else keeps the network from learning its images by heart; nothing by default.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Number format of the forward and backward pass; weights stay in fp32. `auto`: the fastest of "
        "fp32 and bf16 on the device. `fp16`, with a scaled loss, needs a CUDA device.",
    )
    compile: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Compile the network's forward and backward pass. `auto` tries it after the first steps, where the "
        "run is long enough to be worth the wait, and keeps it where it is faster; `on` compiles before the first.",
    )
    deterministic: bool = Field(
        default=False,
        description="Repeat to the bit on the same kind of machine: one fixed way of computing a step, and algorithms "
        "that repeat, at some cost in speed.",
    )
    devices: int = quantity(
        1,
        unit="devices",
        ge=1,
        le=64,
        description="Accelerators, or processes on a CPU, that train the network together, each on its share of every "
        "batch.",
    )
    evaluation_interval: int = quantity(
        1,
        unit="epochs",
        ge=1,
        le=10_000,
        description="Epochs from one evaluation to the next; the last epoch is always evaluated.",
    )
    logging_interval: int = quantity(
        10,
        unit="steps",
        ge=1,
        le=100_000,
        description="Steps from one recorded loss to the next, by default as many as in the lab exercise.",
    )
    checkpoints: Checkpoints = Field(
        default=Checkpoints(), description="When the run is saved as it goes on, and how much of that is kept."
    )
    time_limit_minutes: float | None = quantity(
        None,
        unit="minutes",
        gt=0,
        le=100_000,
        description="End the job when it has had this much time with a worker, all attempts together; waiting and "
        "pauses do not count. null: no limit.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        description="Decides the starting weights, the order of the images and their augmentation: two runs of one "
        "seed see the same.",
    )

    def held_out_images(self, images: int) -> int:
        """How many of `images` training images are split off to validate on."""
        fold = self.validation_fold
        return fold.held_out_images(images) if fold else validation_images(self.validation_fraction, images)
