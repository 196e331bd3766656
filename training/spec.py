"""What a training job asks for: one immutable, fully resolved object. Torch-free.

Every bound is checked here, before a job is accepted; each default stands with its reason. A part that
comes in several kinds (architecture, optimizer, schedule) is a union told apart by its `name`, and a plain
string is short for `{"name": …}`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from training.known_datasets import KNOWN_DATASETS, SHIPPED


class Part(BaseModel):
    """Frozen and strict: a misspelt field, a number in quotes, NaN or an infinity is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ByName:
    """Marks a union told apart by `name`: a plain string stands for the part with that name and its defaults."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def expand(value: object) -> object:
            return {"name": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        parts = handler(schema)
        if handler.mode == "serialization":
            return parts
        names = {"type": "string", "enum": sorted(parts["discriminator"]["mapping"])}
        return {"anyOf": [parts, {**names, "description": 'Short for {"name": …} with every default.'}]}


CifarDepth = Literal["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"]
ImageNetDepth = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
Stem = Literal["cifar", "imagenet"]

LARGEST_IMAGE_FOR_CIFAR_STEM = 64  # pixels; the ImageNet stem would leave less than 2 x 2 of a 32-pixel image


class CifarResNet(Part):
    """He et al. 2015 (arXiv:1512.03385), section 4.2: three stages of 16, 32 and 64 channels, shortcuts
    without parameters (option A)."""

    name: CifarDepth = Field(description="Depth in weighted layers.")


class ResNet(Part):
    """He et al. 2015 (arXiv:1512.03385), table 1: four stages of 64 to 512 channels, projection shortcuts;
    bottleneck blocks from 50 layers on, with their stride in the 3x3 convolution."""

    name: ImageNetDepth = Field(description="Depth in weighted layers.")
    stem: Literal["auto", "cifar", "imagenet"] = Field(
        default="auto",
        description="`cifar`: one 3x3 convolution at full resolution. `imagenet`: a 7x7 convolution and a pooling, "
        f"a quarter of the resolution. `auto`: `cifar` for images up to {LARGEST_IMAGE_FOR_CIFAR_STEM} pixels.",
    )

    def stem_for(self, image_size: int) -> Stem:
        """The stem for square images of `image_size` pixels a side."""
        if self.stem != "auto":
            return self.stem
        return "cifar" if image_size <= LARGEST_IMAGE_FOR_CIFAR_STEM else "imagenet"


Architecture = Annotated[CifarResNet | ResNet, Field(discriminator="name"), ByName()]

LearningRate = Annotated[float, Field(gt=0, le=100)]
WeightDecay = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Sgd(Part):
    """Stochastic gradient descent, v = momentum * v + gradient; weight = weight - learning_rate * v."""

    name: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = Field(default=0.1, description="He et al.'s for batches of 128 and batch norm.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="He et al.'s; 0 is plain SGD.")
    nesterov: bool = Field(
        default=False, description="Look ahead along the momentum (Sutskever et al. 2013); needs momentum."
    )
    weight_decay: WeightDecay = Field(
        default=5e-4, description="L2 penalty, added to the gradient; 5e-4 is usual on CIFAR."
    )

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise refusal(("nesterov",), self.nesterov, "nesterov needs a momentum above 0")
        return self


class Adam(Part):
    """Kingma and Ba 2014 (arXiv:1412.6980); weight decay as an L2 penalty in the gradient."""

    name: Literal["adam"] = "adam"
    learning_rate: LearningRate = Field(default=1e-3, description="The paper's.")
    betas: tuple[Beta, Beta] = Field(
        default=(0.9, 0.999), strict=False, description="The paper's: decay of the first and second moment."
    )
    epsilon: float = Field(default=1e-8, gt=0, le=1, description="The paper's.")
    weight_decay: WeightDecay = Field(default=0.0, description="The paper has none.")


class AdamW(Part):
    """Loshchilov and Hutter 2017 (arXiv:1711.05101); weight decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = Field(default=1e-3, description="Adam's.")
    betas: tuple[Beta, Beta] = Field(
        default=(0.9, 0.999), strict=False, description="Adam's: decay of the first and second moment."
    )
    epsilon: float = Field(default=1e-8, gt=0, le=1, description="Adam's.")
    weight_decay: WeightDecay = Field(default=0.01, description="torch's; multiplied by the learning rate.")


Optimizer = Annotated[Sgd | Adam | AdamW, Field(discriminator="name"), ByName()]


class Warmup(Part):
    """What every schedule has in front of it."""

    warmup_epochs: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Epochs over which the learning rate rises linearly, step by step, to the optimizer's.",
    )


class Constant(Warmup):
    """The optimizer's learning rate throughout."""

    name: Literal["constant"] = "constant"


class MultiStep(Warmup):
    """The learning rate is multiplied by `gamma` at the start of each epoch in `milestones`."""

    name: Literal["multistep"] = "multistep"
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, max_length=1000, strict=False, description="Epochs, ascending, counted from 0."
    )
    gamma: float = Field(default=0.1, gt=0, le=1, description="He et al.'s.")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for place, (earlier, later) in enumerate(zip(self.milestones, self.milestones[1:], strict=False), start=1):
            if later <= earlier:
                raise refusal(
                    ("milestones", place), later, f"{later} does not come after {earlier}: list them ascending"
                )
        return self


class Cosine(Warmup):
    """Half a cosine from the optimizer's learning rate to `final_learning_rate`, step by step
    (Loshchilov and Hutter 2016, arXiv:1608.03983, without restarts)."""

    name: Literal["cosine"] = "cosine"
    final_learning_rate: float = Field(default=0.0, ge=0, le=100, description="The paper's.")


Schedule = Annotated[Constant | MultiStep | Cosine, Field(discriminator="name"), ByName()]


class Crop(Part):
    """Pad every side, then cut a window of the image's own size at random, one draw a sample."""

    padding: int = Field(default=4, ge=1, le=512, description="Pixels a side; 4 is He et al.'s for CIFAR.")
    padding_mode: Literal["zeros", "reflect"] = Field(
        default="zeros", description="`zeros` pads with black, as He et al. do; `reflect` mirrors the image."
    )


class Augmentation(Part):
    """None unless asked for: whether a mirrored image keeps its class is known only to who knows the data
    (a mirrored cat is a cat, a mirrored 3 is no digit)."""

    crop: Crop | None = Field(default=None, description="Random crop.")
    flip: bool = Field(default=False, description="Mirror left and right with probability 1/2, one draw a sample.")


class TrainingSpec(Part):
    """A training job's hyperparameters, every default resolved."""

    dataset: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="A name from GET /v1/datasets: a folder of the data sets' directory, or a known data set.",
        examples=["digits"],
    )
    architecture: Architecture = Field(
        default=ResNet(name="resnet18"), description="The network. ResNet-18 is the usual reference on small images."
    )
    image_size: int | None = Field(
        default=None,
        ge=8,
        le=1024,
        description="Side in pixels. Images are resized to it along their shorter side and cropped at the centre. "
        "By default the images' own size where they all share one and it is square, otherwise the median of their "
        "shorter sides, 224 at most.",
    )
    epochs: int = Field(default=30, ge=1, le=10_000, description="Passes over the training images.")
    batch_size: int = Field(
        default=128,
        ge=2,
        le=65_536,
        description="Images a step. He et al.'s 128 by default; batch normalisation needs two at least.",
    )
    optimizer: Optimizer = Field(default=Sgd(), description="SGD generalises best on small images.")
    schedule: Schedule = Field(default=Cosine(), description="Of the learning rate. Cosine has nothing to tune.")
    augmentation: Augmentation = Field(default=Augmentation(), description="Of the training images; none by default.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="Of the forward and backward pass; weights stay in fp32. `auto`: bf16 where the device "
        "multiplies it natively, fp32 elsewhere.",
    )
    logging_interval: int = Field(
        default=10,
        ge=1,
        le=100_000,
        description="Steps between two recorded step losses; the lab exercise prints every 10.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        description="Of the starting weights, the order of the images and their augmentation.",
    )

    @model_validator(mode="after")
    def _schedule_fits_epochs(self) -> Self:
        schedule, epochs = self.schedule, self.epochs
        if schedule.warmup_epochs >= epochs:
            raise refusal(
                ("schedule", "warmup_epochs"),
                schedule.warmup_epochs,
                f"a warm-up of {schedule.warmup_epochs} epochs leaves none of {epochs}: at most {epochs - 1}",
            )
        if isinstance(schedule, MultiStep) and schedule.milestones[-1] >= epochs:
            raise refusal(
                ("schedule", "milestones", len(schedule.milestones) - 1),
                schedule.milestones[-1],
                f"epoch {schedule.milestones[-1]} never comes: the epochs are 0 to {epochs - 1}",
            )
        if isinstance(schedule, MultiStep) and schedule.milestones[0] < schedule.warmup_epochs:
            raise refusal(
                ("schedule", "milestones", 0),
                schedule.milestones[0],
                f"epoch {schedule.milestones[0]} lies within the warm-up: at least {schedule.warmup_epochs}",
            )
        if isinstance(schedule, Cosine) and schedule.final_learning_rate > self.optimizer.learning_rate:
            raise refusal(
                ("schedule", "final_learning_rate"),
                schedule.final_learning_rate,
                f"above the optimizer's learning rate of {self.optimizer.learning_rate}, from which cosine descends",
            )
        return self

    @model_validator(mode="after")
    def _fits_shipped_data(self) -> Self:
        """What a download or a folder holds is known to the worker alone; what ships with us, at once."""
        if self.dataset in SHIPPED:
            known = KNOWN_DATASETS[self.dataset]
            for path, value, reason in self.conflicts_with(known.train_images, self.image_size or known.image_size):
                raise refusal(path, value, reason)
        return self

    def conflicts_with(self, train_images: int, image_size: int) -> Sequence[tuple[tuple[str, ...], object, str]]:
        """Where this spec does not fit `train_images` square images of `image_size` pixels a side:
        (path within the spec, value, what would be right)."""
        conflicts: list[tuple[tuple[str, ...], object, str]] = []
        if self.batch_size > train_images:
            reason = f"a batch of {self.batch_size} is larger than the training set: at most {train_images}"
            conflicts.append((("batch_size",), self.batch_size, reason))
        crop = self.augmentation.crop
        if crop and crop.padding >= image_size:
            reason = f"{crop.padding} pixels are as large as the image: at most {image_size - 1}"
            conflicts.append((("augmentation", "crop", "padding"), crop.padding, reason))
        return conflicts


def refusal(path: tuple[str | int, ...], value: object, reason: str) -> ValidationError:
    """A validation error at `path`, relative to the model whose validator raises it."""
    error = PydanticCustomError("conflict", "{reason}", {"reason": reason})
    return ValidationError.from_exception_data("spec", [InitErrorDetails(type=error, loc=path, input=value)])
