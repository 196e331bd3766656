"""The learning rate over a run."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from training.spec.part import KIND, ByName, Conflict, Part, quantity

Gamma = Annotated[float, Field(gt=0, le=1)]
FinalRate = Annotated[float, Field(ge=0, le=100)]

MULTIPLIED = "What the learning rate is multiplied by;"
FINAL = "Learning rate of the step that would follow the last"


class AnySchedule(Part):
    """What every schedule has in front of it."""

    warmup_epochs: int = quantity(
        0,
        unit="epochs",
        ge=0,
        le=10_000,
        title="Warm-up epochs",
        description="Epochs over which the learning rate rises linearly, step by step, to the optimizer's, before "
        "the schedule begins.",
    )


class Constant(AnySchedule):
    """The optimizer's learning rate throughout."""

    name: Literal["constant"] = Field(default="constant", description=KIND)


class StepDecay(AnySchedule, title="Step"):
    """The learning rate is multiplied by `gamma` every `step_epochs` epochs."""

    name: Literal["step"] = Field(default="step", description=KIND)
    step_epochs: int = quantity(
        10,
        unit="epochs",
        ge=1,
        le=10_000,
        description="Epochs from one step to the next, and from the warm-up to the first: by default a third of the "
        "default run, as He et al. have it on ImageNet.",
    )
    gamma: Gamma = Field(default=0.1, description=f"{MULTIPLIED} He et al.'s.")


class MultiStep(AnySchedule, title="Steps at milestones"):
    """The learning rate is multiplied by `gamma` at the start of each epoch in `milestones`."""

    name: Literal["multistep"] = Field(default="multistep", description=KIND)
    milestones: tuple[Annotated[int, Field(ge=1, le=9999)], ...] = quantity(
        unit="epochs",
        min_length=1,
        max_length=1000,
        strict=False,
        description="Epochs at whose start the learning rate falls, ascending, counted from 0.",
    )
    gamma: Gamma = Field(default=0.1, description=f"{MULTIPLIED} He et al.'s.")

    def conflicts(self) -> Iterator[Conflict]:
        """Milestones must ascend."""
        for place, (earlier, later) in enumerate(pairwise(self.milestones), start=1):
            if later <= earlier:
                yield ("milestones", place), later, f"{later} does not come after {earlier}: list them ascending"


class Exponential(AnySchedule):
    """The learning rate is multiplied by `gamma` each epoch."""

    name: Literal["exponential"] = Field(default="exponential", description=KIND)
    gamma: Gamma = Field(default=0.95, description=f"{MULTIPLIED} 0.95 leaves a hundredth after 90 epochs.")


class Cosine(AnySchedule):
    """Half a cosine from the optimizer's learning rate to `final_learning_rate`, step by step
    (Loshchilov and Hutter 2016, arXiv:1608.03983, without restarts)."""

    name: Literal["cosine"] = Field(default="cosine", description=KIND)
    final_learning_rate: FinalRate = Field(default=0.0, description=f"{FINAL}; the paper's.")


class WarmRestarts(AnySchedule, title="Cosine with warm restarts"):
    """Cosines in a row, each from the optimizer's learning rate (Loshchilov and Hutter 2016, arXiv:1608.03983)."""

    name: Literal["warm_restarts"] = Field(default="warm_restarts", description=KIND)
    first_cycle_epochs: int = quantity(
        10, unit="epochs", ge=1, le=10_000, description="Length of the first cycle; the paper's T0."
    )
    cycle_factor: int = Field(
        default=2, ge=1, le=10, description="Each cycle is so many times as long as the one before."
    )
    final_learning_rate: FinalRate = Field(
        default=0.0, description="Learning rate to which each cycle falls; the paper's."
    )


class OneCycle(AnySchedule, title="One cycle"):
    """Smith and Topin 2017 (arXiv:1708.07120): rise from a fraction of the optimizer's learning rate, then fall far
    below it. The momentum stays as it is."""

    name: Literal["one_cycle"] = Field(default="one_cycle", description=KIND)
    rise: float = quantity(
        0.3, unit="share of the steps", gt=0, lt=1, description="Share of all steps that the rise takes; torch's."
    )
    start_divisor: float = Field(
        default=25.0, ge=1, le=1e9, description="The optimizer's learning rate over the first one; torch's."
    )
    final_divisor: float = Field(
        default=1e4, ge=1, le=1e9, description="The first learning rate over the last one; torch's."
    )
    shape: Literal["cosine", "linear"] = Field(default="cosine", description="Shape of rise and fall; torch's.")


class Linear(AnySchedule):
    """A straight line from the optimizer's learning rate to `final_learning_rate`, step by step."""

    name: Literal["linear"] = Field(default="linear", description=KIND)
    final_learning_rate: FinalRate = Field(default=0.0, description=f"{FINAL}.")


class Polynomial(AnySchedule):
    """From the optimizer's learning rate to `final_learning_rate` as (1 - progress) ** `power`, step by step."""

    name: Literal["polynomial"] = Field(default="polynomial", description=KIND)
    power: float = Field(default=2.0, gt=0, le=10, description="Exponent of what is left of the run; 1 is linear.")
    final_learning_rate: FinalRate = Field(default=0.0, description=f"{FINAL}.")


class Plateau(AnySchedule):
    """The learning rate is multiplied by `gamma` when the watched loss has not fallen for `patience` epochs."""

    name: Literal["plateau"] = Field(default="plateau", description=KIND)
    watch: Literal["train_loss", "validation_loss", "test_loss"] = Field(
        default="train_loss",
        description="Which loss to watch; `validation_loss` needs a validation_fraction. A schedule that watches the "
        "test split has seen it: the test accuracy no longer is of unseen images.",
    )
    gamma: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.1, description=f"{MULTIPLIED} torch's.")
    patience: int = quantity(
        10,
        unit="epochs",
        ge=0,
        le=10_000,
        description="So many epochs without a fall are borne; the next lowers the learning rate. torch's.",
    )
    threshold: float = quantity(
        1e-4,
        unit="share of the best loss",
        ge=0,
        lt=1,
        description="The loss must fall by more than this share to count as fallen; torch's.",
    )
    cooldown: int = quantity(
        0,
        unit="epochs",
        ge=0,
        le=10_000,
        description="Epochs after a lowering in which none without a fall is counted.",
    )
    minimum: FinalRate = Field(default=0.0, description="Learning rate below which it is not lowered.")


class RangeTest(AnySchedule, title="Range test"):
    """The learning-rate range test (Smith 2015, arXiv:1506.01186): the learning rate rises exponentially over the run's
    steps, from `first_learning_rate` to the optimizer's. The losses of the steps say from which one the network learns,
    and from which one the loss grows; a loss that is no longer finite ends the run, and is no failure. Nothing is
    evaluated, and the weights that it leaves are those that it started from.
    """

    name: Literal["range_test"] = Field(default="range_test", description=KIND)
    first_learning_rate: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1e-7, description="Learning rate of the first step; fastai's, which rises to 10."
    )


Schedule = Annotated[
    Constant
    | StepDecay
    | MultiStep
    | Exponential
    | Cosine
    | WarmRestarts
    | OneCycle
    | Linear
    | Polynomial
    | Plateau
    | RangeTest,
    Field(discriminator="name"),
    ByName(),
]
