"""How much of a device's memory training takes, by the plan and the spec, without torch.

Only tensors are counted. The device's context, its code and the workspaces of convolutions come on top, and differ by
device and version.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, assert_never

from training.batching import images_per_part, images_per_step
from training.metrics import Precision
from training.plan import (
    AveragePool,
    BatchNorm,
    Block,
    Convolution,
    Dropout,
    Elementwise,
    GlobalAveragePool,
    Layer,
    Linear,
    Maxout,
    MaxPool,
    NetworkPlan,
    PadShortcut,
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
)
from training.plan.counting import layer_parameters, output_size
from training.spec import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Lamb,
    Lion,
    Muon,
    NAdam,
    Nesterov,
    Optimizer,
    ResolvedSpec,
    RmsProp,
    Sgd,
)

FLOAT = 4  # bytes; weights, gradients and whatever an optimizer keeps are fp32
INDEX = 8  # bytes, of the position of a maximum, which pooling keeps for the backward pass

# Their backward pass needs only their output, so that they overwrite their input.
IN_PLACE = frozenset({"relu", "leaky_relu", "sigmoid", "tanh", "elu"})

# At a layer, the backward pass holds gradients of its output, of its input and of the shortcut beside it.
GRADIENT_MAPS = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device. `total` is the peak. It is less than the sum: activations are freed before the optimizer
    works, and gradients are allocated while activations are freed."""

    weights: int  # with normalisations' statistics
    casts: int  # copies of the weights in half precision, which convolutions compute with
    gradients: int
    optimizer: int  # what it keeps for each weight, and what SAM keeps of the weights
    scratch: int  # what it needs while it works
    averages: int  # the average of the weights that a spec may ask for
    activations: int  # what the forward pass of one batch keeps for the backward pass
    images: int  # the data set, where it lies on the device
    total: int


def estimate_memory(
    plan: NetworkPlan, spec: ResolvedSpec, precision: Precision, *, train_images: int, resident_images: int = 0
) -> Memory:
    """Of training `plan`'s network as `spec` says on `train_images` images, where each device holds `resident_images`
    of the data set."""
    batch, whole = _images_at_once(spec, train_images)
    trace, pixels = _trace(plan, precision), plan.channels * plan.image_size**2
    parameters = FLOAT * trace.parameters
    network = parameters + FLOAT * trace.statistics
    scratch = max(_scratch(spec.optimizer), _sam_scratch(spec.optimizer)) * parameters
    optimizer = optimizer_slots(spec.optimizer) * parameters + (network if spec.optimizer.sam else 0)
    averages = network if spec.regularisation.ema or spec.regularisation.swa else 0
    inputs = batch * (FLOAT + 1) * pixels + FLOAT * trace.statistics  # and each batch's own means and deviations
    peak = max(inputs + trace.backward_bytes(batch, whole=whole), parameters + scratch)
    return Memory(
        weights=network,
        casts=0 if precision == "fp32" else parameters // 2,
        gradients=parameters,
        optimizer=optimizer,
        scratch=scratch,
        averages=averages,
        activations=inputs + batch * trace.saved_bytes,
        images=resident_images * pixels,
        total=network + optimizer + averages + resident_images * pixels + peak,
    )


def saved_bytes(plan: NetworkPlan, precision: Precision, batch: int) -> int:
    """What a forward pass in training keeps for the backward pass, beside the weights themselves."""
    trace = _trace(plan, precision)
    casts = 0 if precision == "fp32" else trace.parameters * (FLOAT // 2)
    return batch * trace.saved_bytes + FLOAT * trace.statistics + casts


def _images_at_once(spec: ResolvedSpec, train_images: int) -> tuple[int, bool]:
    """How many images pass through a device at once, and whether they are its whole share of a batch. Where they are
    not, the gradients of one part are kept while the next part passes."""
    batch = min(images_per_step(spec.batch_size, train_images), train_images)
    part = min(images_per_part(spec.batch_size, spec.micro_batch_size), batch)
    return math.ceil(part / spec.devices), part == batch


def optimizer_slots(spec: Optimizer) -> int:
    """How many numbers it keeps for each weight."""
    match spec:
        case GradientDescent():
            return 0
        case Sgd(momentum=momentum):
            return 1 if momentum else 0
        case HeavyBall() | Nesterov() | Adagrad() | Lion() | Muon():
            return 1
        case RmsProp(momentum=momentum):
            return 2 if momentum else 1
        case Adadelta() | Adam() | AdamW() | NAdam() | Lamb():
            return 2
        case _:
            assert_never(spec)


def _scratch(spec: Optimizer) -> int:
    """How many numbers it needs for each weight during its step, as measured; none where torch has one fused kernel."""
    match spec:
        case GradientDescent() | Sgd() | HeavyBall() | Nesterov() | Adam() | AdamW():
            return 0
        case Lion():
            return 1
        case RmsProp() | NAdam():
            return 2 if spec.weight_decay else 1
        case Adagrad() | Lamb():
            return 2
        case Adadelta():
            return 3 if spec.weight_decay else 2
        case Muon():
            return 3
        case _:
            assert_never(spec)


@dataclass(frozen=True, slots=True, eq=False)
class _FeatureMap:
    """One image's feature map, in memory of its own: two of one shape are not equal."""

    channels: int
    size: int
    item: int  # bytes of each number

    @property
    def bytes(self) -> int:
        return self.channels * self.size**2 * self.item


def _sam_scratch(spec: Optimizer) -> int:
    """As `_scratch`, for SAM's step to the worst point nearby, without the copy of the weights that it keeps."""
    if spec.sam is None:
        return 0
    return 3 if spec.sam.adaptive else 1


def _trace(plan: NetworkPlan, precision: Precision) -> "_Trace":
    trace = _Trace(item=FLOAT if precision == "fp32" else FLOAT // 2)
    features = trace.sequence(plan.stem, _FeatureMap(plan.channels, plan.image_size, FLOAT))
    for block in chain.from_iterable(plan.stages):
        features = trace.block(block, features)
    trace.sequence(plan.head, features)
    return trace


class _Boundary(NamedTuple):
    """Between two layers: what has been counted up to here."""

    saved_bytes: int  # of one image, by the layers before
    before: int  # parameters of the layers before the last one
    until: int  # and with it
    map_bytes: int  # of one image's feature map here


@dataclass(slots=True)
class _Trace:
    """Goes through a network layer by layer, and counts what autograd keeps for the backward pass."""

    item: int  # bytes of a number that convolutions and linear maps put out
    saved: set[_FeatureMap] = field(default_factory=set)
    saved_bytes: int = 0
    parameters: int = 0
    statistics: int = 0  # numbers that normalisations keep beside their parameters
    boundaries: list[_Boundary] = field(default_factory=list)

    def backward_bytes(self, batch: int, *, whole: bool) -> int:
        """The peak of the backward pass: over all boundaries, the activations and cast weights of the layers before,
        which are still needed, and the gradients of the weights behind. Gradients of all weights, where a batch has
        several parts: those of the first part are there already."""
        each_cast = 0 if self.item == FLOAT else self.item
        return max(
            batch * (boundary.saved_bytes + GRADIENT_MAPS * boundary.map_bytes)
            + each_cast * boundary.until
            + FLOAT * (self.parameters - (boundary.before if whole else 0))
            for boundary in self.boundaries
        )

    def block(self, block: Block, features: _FeatureMap) -> _FeatureMap:
        """The sum overwrites the branch's output."""
        features = self.sequence(block.preactivation, features)
        output = self.sequence(block.branch, features)
        self.sequence(block.shortcut or (), features)
        return self.sequence(block.activation, output)

    def sequence(self, layers: Iterable[Layer], features: _FeatureMap) -> _FeatureMap:
        for layer in layers:
            before = self.parameters
            self.parameters += layer_parameters(layer)
            features = self.layer(layer, features)
            self.boundaries.append(_Boundary(self.saved_bytes, before, self.parameters, features.bytes))
        return features

    def layer(self, layer: Layer, features: _FeatureMap) -> _FeatureMap:
        """The layer's output. What its backward pass needs is counted."""
        size = output_size(layer, features.size)
        match layer:
            case Convolution(out_channels=channels) | Linear(out_features=channels):
                self._save_as_computed(features)
                return _FeatureMap(channels, size, self.item)
            case BatchNorm(channels):
                self.statistics += 2 * channels
                self._save(features)
            case Elementwise(function):
                self._save(features)
                if function in IN_PLACE:
                    return features
            case Maxout(channels):
                self._save_as_computed(features)
                self._save(_FeatureMap(2 * channels, size, self.item))
                return _FeatureMap(channels, size, self.item)
            case SqueezeExcitation() | AveragePool():
                self._save(features)
            case MaxPool():
                self._save(features)
                self._save(_FeatureMap(features.channels, size, INDEX))
            case Dropout():
                self._save(_FeatureMap(features.channels, size, 1))
            case PadShortcut(out_channels=channels):
                return _FeatureMap(channels, size, features.item)
            case StochasticDepth() | ShakeDrop() | GlobalAveragePool():
                pass  # they keep a number a sample, or none
            case _:
                assert_never(layer)
        return _FeatureMap(features.channels, size, features.item)

    def _save_as_computed(self, features: _FeatureMap) -> None:
        """Autocast casts an fp32 input to half precision, and the copy is what is kept."""
        same = features.item == self.item
        self._save(features if same else _FeatureMap(features.channels, features.size, self.item))

    def _save(self, features: _FeatureMap) -> None:
        if features not in self.saved:
            self.saved.add(features)
            self.saved_bytes += features.bytes
