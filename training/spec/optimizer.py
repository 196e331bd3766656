"""How weights follow gradients."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from training.spec.part import KIND, ByName, Conflict, Part

LearningRate = Annotated[float, Field(gt=0, le=100)]
WeightDecay = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], Field(strict=False)]
Epsilon = Annotated[float, Field(gt=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]

RATE = "How far a step goes, before the schedule."
L2 = "L2 penalty: so many times the weight is added to its gradient."
DECOUPLED = "So many times the weight, times the learning rate, is taken off it each step."
MOMENTUM = "Share of the step before that a step keeps."
BETAS = "What the running means of gradients and of their squares keep each step."
EPSILON = "Added to the denominator, so that it is never 0."


class Sam(Part, title="SAM"):
    """Sharpness-aware minimisation (Foret et al. 2020, arXiv:2010.01412): the gradient is taken where the loss is
    worst within `rho`, which doubles the work of a step."""

    rho: float = Field(
        default=0.05, gt=0, le=10, description="Radius of the search, in the norm of all weights; the paper's."
    )
    adaptive: bool = Field(
        default=False,
        description="Measure the radius relative to each weight (ASAM, Kwon et al. 2021, arXiv:2102.11600).",
    )


class AnyOptimizer(Part):
    """What can be said of any optimizer."""

    norm_weight_decay: WeightDecay | None = Field(
        default=None,
        description="Weight decay of normalisations' scales and shifts and of biases; null: the same as of weights.",
    )
    sam: Sam | None = Field(
        default=None,
        title="SAM",
        description="Sharpness-aware minimisation around the optimizer; null: none.",
    )


class GradientDescent(AnyOptimizer, title="Gradient descent"):
    """Gradient descent over all training images a step: `batch_size` is "full"."""

    name: Literal["gd"] = Field(default="gd", description=KIND)
    learning_rate: LearningRate = Field(default=0.1, description=f"{RATE} As SGD's.")
    weight_decay: WeightDecay = Field(default=0.0, description=L2)


class Sgd(AnyOptimizer, title="SGD"):
    """Stochastic gradient descent, v = momentum * v + gradient; weight = weight - learning_rate * v."""

    name: Literal["sgd"] = Field(default="sgd", description=KIND)
    learning_rate: LearningRate = Field(
        default=0.1, description=f"{RATE} He et al.'s for batches of 128 and batch norm."
    )
    momentum: Momentum = Field(default=0.9, description=f"{MOMENTUM} He et al.'s; 0 is plain SGD.")
    nesterov: bool = Field(
        default=False, description="Look ahead along the momentum (Sutskever et al. 2013); needs momentum."
    )
    weight_decay: WeightDecay = Field(default=5e-4, description=f"{L2} 5e-4 is usual on CIFAR.")

    def conflicts(self) -> Iterator[Conflict]:
        """Nesterov's step looks ahead along the momentum."""
        if self.nesterov and self.momentum == 0:
            yield ("nesterov",), self.nesterov, "nesterov needs a momentum above 0"


class HeavyBall(AnyOptimizer, title="SGD with momentum"):
    """SGD with momentum (Polyak 1964)."""

    name: Literal["momentum"] = Field(default="momentum", description=KIND)
    learning_rate: LearningRate = Field(default=0.1, description=f"{RATE} As SGD's.")
    momentum: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.9, description=f"{MOMENTUM} He et al.'s.")
    weight_decay: WeightDecay = Field(default=5e-4, description=f"{L2} 5e-4 is usual on CIFAR.")


class Nesterov(AnyOptimizer, title="SGD with Nesterov's momentum"):
    """SGD with Nesterov's momentum (Sutskever et al. 2013)."""

    name: Literal["nesterov"] = Field(default="nesterov", description=KIND)
    learning_rate: LearningRate = Field(default=0.1, description=f"{RATE} As SGD's.")
    momentum: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.9, description=f"{MOMENTUM} He et al.'s.")
    weight_decay: WeightDecay = Field(default=5e-4, description=f"{L2} 5e-4 is usual on CIFAR.")


class Adagrad(AnyOptimizer):
    """Duchi et al. 2011: each weight's rate falls with the sum of its squared gradients."""

    name: Literal["adagrad"] = Field(default="adagrad", description=KIND)
    learning_rate: LearningRate = Field(default=0.01, description=f"{RATE} torch's.")
    epsilon: Epsilon = Field(default=1e-10, description=EPSILON)
    weight_decay: WeightDecay = Field(default=0.0, description=L2)


class RmsProp(AnyOptimizer, title="RMSprop"):
    """Hinton 2012 (lecture 6e): gradients over the root of the running mean of their squares."""

    name: Literal["rmsprop"] = Field(default="rmsprop", description=KIND)
    learning_rate: LearningRate = Field(default=1e-3, description=f"{RATE} Hinton's.")
    decay: Beta = Field(default=0.99, description="What the running mean of squares keeps each step; torch's.")
    momentum: Momentum = Field(default=0.0, description=f"{MOMENTUM} Hinton has none.")
    epsilon: Epsilon = Field(default=1e-8, description=EPSILON)
    weight_decay: WeightDecay = Field(default=0.0, description=L2)


class Adadelta(AnyOptimizer):
    """Zeiler 2012 (arXiv:1212.5701): steps in units of the steps before."""

    name: Literal["adadelta"] = Field(default="adadelta", description=KIND)
    learning_rate: LearningRate = Field(default=1.0, description=f"{RATE} The paper's.")
    decay: Beta = Field(default=0.9, description="What both running means keep each step; torch's.")
    epsilon: Epsilon = Field(default=1e-6, description=f"{EPSILON} The paper's.")
    weight_decay: WeightDecay = Field(default=0.0, description=L2)


class Adam(AnyOptimizer):
    """Kingma and Ba 2014 (arXiv:1412.6980); weight decay as an L2 penalty in the gradient."""

    name: Literal["adam"] = Field(default="adam", description=KIND)
    learning_rate: LearningRate = Field(default=1e-3, description=f"{RATE} The paper's.")
    betas: Betas = Field(default=(0.9, 0.999), description=BETAS)
    epsilon: Epsilon = Field(default=1e-8, description=EPSILON)
    weight_decay: WeightDecay = Field(default=0.0, description=f"{L2} The paper has none.")


class AdamW(AnyOptimizer):
    """Loshchilov and Hutter 2017 (arXiv:1711.05101); weight decay apart from the gradient."""

    name: Literal["adamw"] = Field(default="adamw", description=KIND)
    learning_rate: LearningRate = Field(default=1e-3, description=f"{RATE} Adam's.")
    betas: Betas = Field(default=(0.9, 0.999), description=BETAS)
    epsilon: Epsilon = Field(default=1e-8, description=EPSILON)
    weight_decay: WeightDecay = Field(default=0.01, description=f"{DECOUPLED} torch's.")


class NAdam(AnyOptimizer):
    """Dozat 2016: Adam with Nesterov's momentum."""

    name: Literal["nadam"] = Field(default="nadam", description=KIND)
    learning_rate: LearningRate = Field(default=2e-3, description=f"{RATE} The paper's.")
    betas: Betas = Field(default=(0.9, 0.999), description=BETAS)
    epsilon: Epsilon = Field(default=1e-8, description=EPSILON)
    momentum_decay: float = Field(
        default=4e-3, ge=0, le=1, description="How soon the momentum warms up to its full share; the paper's."
    )
    weight_decay: WeightDecay = Field(default=0.0, description=L2)


class Lion(AnyOptimizer):
    """Chen et al. 2023 (arXiv:2302.06675): the sign of an interpolated momentum."""

    name: Literal["lion"] = Field(default="lion", description=KIND)
    learning_rate: LearningRate = Field(default=1e-4, description=f"{RATE} The paper's; a tenth to a third of AdamW's.")
    betas: Betas = Field(
        default=(0.9, 0.99),
        description="What a step keeps of the momentum, and what the momentum keeps each step; the paper's.",
    )
    weight_decay: WeightDecay = Field(default=0.1, description=f"{DECOUPLED} Three to ten times AdamW's.")


class Lamb(AnyOptimizer, title="LAMB"):
    """You et al. 2019 (arXiv:1904.00962): AdamW whose step is scaled to each layer's norm, for large batches."""

    name: Literal["lamb"] = Field(default="lamb", description=KIND)
    learning_rate: LearningRate = Field(default=5e-3, description=f"{RATE} ResNet Strikes Back's (arXiv:2110.00476).")
    betas: Betas = Field(default=(0.9, 0.999), description=BETAS)
    epsilon: Epsilon = Field(default=1e-6, description=f"{EPSILON} The paper's.")
    weight_decay: WeightDecay = Field(
        default=0.01,
        description="So many times the weight is added to the step, before the step is scaled to the layer's norm (the "
        "trust ratio), so that it does not shrink weights by a fixed share. The paper's.",
    )


class Muon(AnyOptimizer):
    """Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon): the momentum of each convolution's weights,
    made orthogonal. The stem, the last linear layer, norms and biases take SGD with Nesterov's momentum."""

    name: Literal["muon"] = Field(default="muon", description=KIND)
    learning_rate: LearningRate = Field(default=0.02, description=f"{RATE} Of the convolutions; the author's.")
    momentum: Momentum = Field(default=0.95, description=f"{MOMENTUM} The author's.")
    weight_decay: WeightDecay = Field(default=0.01, description=f"Of the convolutions. {DECOUPLED}")
    rest_learning_rate: LearningRate = Field(
        default=0.1, description="Of the weights that Muon does not take, before the same schedule."
    )
    rest_weight_decay: WeightDecay = Field(default=5e-4, description=f"Of the weights that Muon does not take. {L2}")


Optimizer = Annotated[
    GradientDescent
    | Sgd
    | HeavyBall
    | Nesterov
    | Adagrad
    | RmsProp
    | Adadelta
    | Adam
    | AdamW
    | NAdam
    | Lion
    | Lamb
    | Muon,
    Field(discriminator="name"),
    ByName(),
]
