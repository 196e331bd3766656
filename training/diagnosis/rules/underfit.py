"""A network that does not even fit its training images."""

from collections.abc import Iterator
from typing import Any

from training.diagnosis import patches
from training.diagnosis.curves import flat_since, last_level, trend
from training.diagnosis.finding import Finding, Suggestion
from training.diagnosis.reading import Reading
from training.diagnosis.spec_view import mixes_labels

LEVEL = 0.5  # of the loss of a network that has learnt nothing
LEAST_ROWS = 6
FLAT = 0.02  # of the level, over the last third of the rows
SMALL_GAP = 0.1  # between accuracies; a larger one is no underfitting
USUAL_WEIGHT_DECAY = 0.01  # ten times of what is usual with SGD; as much as is usual with AdamW
SMALL_NETWORKS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")


def underfitting(reading: Reading) -> Iterator[Finding]:
    """A train loss that stays high and no longer falls, and is about the same on other images."""
    if len(reading.train) < LEAST_ROWS or reading.level is None or reading.level < LEVEL:
        return
    if not reading.is_poor or mixes_labels(reading.spec) or not _is_flat(reading) or (reading.gap or 0.0) > SMALL_GAP:
        return
    since = flat_since(reading.train, 2 * FLAT * last_level(reading.train))
    yield Finding(
        code="underfitting",
        severity="problem",
        since_epoch=since,
        sentence=f"The network underfits: its train loss stays at {last_level(reading.train):.3g}, which is "
        f"{reading.level:.0%} of that of a network that has learnt nothing. It does not even fit the images that it "
        "sees, so that other images are not the question yet.",
        evidence={
            "train_loss": last_level(reading.train),
            "train_loss_as_a_fraction_of_an_untrained_one": reading.level,
        },
        epochs=tuple(int(epoch) for epoch in reading.train.epochs[[len(reading.train) // 2, -1]]),
        suggestion=_suggestion(reading),
    )


def _is_flat(reading: Reading) -> bool:
    first, last = reading.train.epochs[[0, -1]]
    line = trend(reading.own(reading.train, last - (last - first) / 3))
    return line is None or -line.change < FLAT * abs(last_level(reading.train))


def _suggestion(reading: Reading) -> Suggestion | None:
    """What holds it back, the likeliest first."""
    if reading.spec is None:
        return None
    architecture: Any = reading.spec.architecture
    optimizer: Any = reading.spec.optimizer
    expected = "The train loss falls well below where it stays now."
    if architecture.activation in ("sigmoid", "tanh"):
        why = f"Gradients shrink in every layer of {architecture.activation}, until the first layers learn nothing."
        return Suggestion({"architecture": {"activation": "relu"}}, expected, why)
    if not getattr(architecture, "residual", True):
        why = "Without shortcuts, deep networks are hard to train (He et al. 2015, arXiv:1512.03385)."
        return Suggestion({"architecture": {"residual": True}}, expected, why)
    if optimizer.weight_decay > USUAL_WEIGHT_DECAY and optimizer.name not in ("adamw", "lion", "lamb", "muon"):
        why = f"A weight decay of {optimizer.weight_decay:g} pulls the weights to 0 faster than the images move them."
        return Suggestion({"optimizer": {"weight_decay": 5e-4}}, expected, why)
    if reading.rate_ratio is not None and reading.rate_ratio < 1:
        faster = patches.usual_rate(reading, 3.0)
        if faster:
            return Suggestion(faster, expected, "Its learning rate is below what is usual for its optimizer.")
    if architecture.name in SMALL_NETWORKS:
        why = "A wider network can tell more images apart."
        return Suggestion({"architecture": {"name": "resnet18"}}, expected, why)
    return None
