"""What keeps a network from learning its training images by heart, besides augmentation and weight decay."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from training.spec.part import Conflict, Part, quantity


class Ema(Part, title="Exponential moving average"):
    """An exponential moving average of weights and normalisation statistics, which is what is evaluated and kept
    (Polyak and Juditsky 1992)."""

    decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.999,
        description="Share of the average that each step keeps: a memory of about 1 / (1 - decay) steps. Early on it "
        "is less, at most (1 + steps) / (10 + steps).",
    )


class Swa(Part, title="Stochastic weight averaging"):
    """Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407): the mean of the weights at the end of
    each epoch from `start_epoch` on, with normalisation statistics measured anew, is what is evaluated and kept."""

    start_epoch: int = quantity(
        unit="epochs", ge=0, le=10_000, description="First epoch whose weights are averaged, counted from 0."
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Constant learning rate from `start_epoch` on, in place of the schedule's; null goes on with the "
        "schedule.",
    )


class EarlyStopping(Part, title="Early stopping"):
    """End when the validation accuracy has not risen for `patience` epochs; needs a validation_fraction. The weights
    of the best epoch are kept."""

    patience: int = quantity(
        10, unit="epochs", ge=1, le=10_000, description="So many epochs without a rise end the training."
    )
    minimum_rise: float = quantity(
        0.0,
        unit="share of the validation images",
        ge=0,
        lt=1,
        description="The accuracy must rise by more than this to count as risen.",
    )


class Regularisation(Part):
    """None unless asked for."""

    label_smoothing: float = quantity(
        0.0,
        unit="share of the label",
        ge=0,
        lt=1,
        description="Share of each label that is spread evenly over all classes, so that the network grows less sure "
        "of itself (Szegedy et al. 2015, arXiv:1512.00567); 0.1 is usual.",
    )
    gradient_clipping: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="Largest norm of all gradients together: longer ones are scaled down to it; null clips nothing.",
    )
    ema: Ema | None = Field(
        default=None, title="EMA", description="Evaluate and keep an exponential moving average of the weights."
    )
    swa: Swa | None = Field(
        default=None, title="SWA", description="Evaluate and keep the mean of the weights at the ends of late epochs."
    )
    early_stopping: EarlyStopping | None = Field(
        default=None, description="End when the validation accuracy has stopped rising; needs a validation_fraction."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Only one average can be evaluated."""
        if self.ema and self.swa:
            reason = "ema is there already, and only one average can be evaluated: set one of them to null"
            yield ("swa",), self.swa.model_dump(), reason
