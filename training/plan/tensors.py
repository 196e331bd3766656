"""The tensors of a network by name, with their shapes, from its plan: the state that `training.engine.networks` has."""

from collections import Counter
from collections.abc import Iterator

from training.plan.layers import (
    BatchNorm,
    Convolution,
    Dropout,
    Elementwise,
    Layer,
    Layers,
    Linear,
    Maxout,
    NetworkPlan,
    PadShortcut,
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
)

Shape = tuple[int, ...]
COUNTER = "num_batches_tracked"  # of a normalisation: int64, the one that is no float32
_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def tensor_shapes(plan: NetworkPlan) -> dict[str, Shape]:
    """Those of all parameters and buffers, in the order of the network."""
    return dict(_tensors(plan))


def _tensors(plan: NetworkPlan) -> Iterator[tuple[str, Shape]]:
    yield from _of_sequence("stem", plan.stem)
    for place, stage in enumerate(plan.stages, start=1):
        for number, block in enumerate(stage, start=1):
            name = f"stage{place}.block{number}"
            yield from _of_sequence(f"{name}.preactivation", block.preactivation)
            yield from _of_sequence(f"{name}.branch", block.branch)
            yield from _of_sequence(f"{name}.shortcut", block.shortcut or ())
            yield from _of_sequence(f"{name}.activation", block.activation)
    yield from _of_sequence("head", plan.head)


def _of_sequence(place: str, layers: Layers) -> Iterator[tuple[str, Shape]]:
    kinds = [layer_kind(layer) for layer in layers]
    total, seen = Counter(kinds), Counter[str]()
    for kind, layer in zip(kinds, layers, strict=True):
        seen[kind] += 1
        name = f"{kind}{seen[kind]}" if total[kind] > 1 else kind
        yield from _of_layer(f"{place}.{name}", layer)


def layer_kind(layer: Layer) -> str:
    """What a layer's parameters are named after, and numbered where a sequence has several of the kind."""
    match layer:
        case Convolution():
            return "convolution"
        case BatchNorm():
            return "norm"
        case Elementwise():
            return "activation"
        case Maxout():
            return "maxout"
        case SqueezeExcitation():
            return "excitation"
        case Dropout():
            return "dropout"
        case StochasticDepth():
            return "depth"
        case ShakeDrop():
            return "shake"
        case PadShortcut():
            return "pad"
        case Linear():
            return "linear"
        case _:
            return "pool"


def _of_layer(name: str, layer: Layer) -> Iterator[tuple[str, Shape]]:
    match layer:
        case Convolution(inputs, outputs, kernel, _, groups):
            yield f"{name}.weight", (outputs, inputs // groups, kernel, kernel)
        case BatchNorm(channels):
            yield from ((f"{name}.{each}", (channels,)) for each in _STATISTICS)
            yield f"{name}.{COUNTER}", ()
        case Linear(inputs, outputs):
            yield from _linear(name, (outputs, inputs))
        case SqueezeExcitation(channels, squeezed, activation):
            yield from _linear(f"{name}.squeeze", (squeezed, channels, 1, 1))
            yield from _of_layer(f"{name}.activation", activation)
            yield from _linear(f"{name}.excite", (channels, squeezed, 1, 1))
        case Maxout(channels):
            yield from _linear(f"{name}.maps", (2 * channels, channels, 1, 1))
        case _:  # the rest has no tensors
            return


def _linear(name: str, weight: Shape) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", weight[:1]
