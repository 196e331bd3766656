"""A spec in words: each setting with its value, and what it does, for who learns what it is."""

from collections.abc import Iterator, Mapping

from api.views.report.document import Setting
from api.views.report.optimization_words import optimizer, schedule
from api.views.report.text import count, listed, tenths
from training.metrics import RunFacts
from training.number_format import plain
from training.spec import Activation, Augmentation, ResolvedSpec, WideResNet

ACTIVATIONS: Mapping[Activation, str] = {
    "relu": "It keeps what is above 0 and makes the rest 0: simple, and gradients pass it undiminished.",
    "leaky_relu": "As ReLU, with a slope of 0.01 below 0, so that no unit is dead for good.",
    "sigmoid": (
        "It squeezes every value into 0 to 1. Far from 0 it is flat, so that gradients shrink from layer to layer."
    ),
    "tanh": (
        "It squeezes every value into -1 to 1. Far from 0 it is flat, so that gradients shrink from layer to layer."
    ),
    "maxout": "The larger of two linear maps, which the network learns, too; it adds parameters.",
    "elu": "As ReLU above 0; below, it bends smoothly to -1, so that means stay nearer to 0.",
    "gelu": "A smooth ReLU: each value times the share of a normal distribution that lies below it.",
    "silu": "A smooth ReLU: each value times its sigmoid.",
    "mish": "A smooth ReLU that dips a little below 0.",
}


def settings(spec: ResolvedSpec, facts: RunFacts | None) -> Iterator[Setting]:
    """Of a spec that is known whole. `facts`: of an attempt, which say how large its network and its data are."""
    yield _network(spec, facts)
    yield _residual_blocks(spec)
    activation = spec.architecture.activation
    meaning = "The non-linear function between layers; without one, any depth would be a single linear map."
    yield Setting("Activation", activation.replace("_", " "), f"{meaning} {ACTIVATIONS[activation]}")
    yield _epochs(spec, facts)
    yield _batch_size(spec, facts)
    yield optimizer(spec.optimizer)
    yield schedule(spec.schedule)
    yield _augmentation(spec.augmentation)
    yield from _regularisation(spec)
    yield from _start(spec)
    yield _validation(spec, facts)
    yield _seed(spec)


def _network(spec: ResolvedSpec, facts: RunFacts | None) -> Setting:
    size = ""
    if facts:
        size = f"{facts.parameters:,} parameters, {facts.flops / 1e6:,.1f} million multiplications an image. "
    meaning = (
        f"{size}Convolutions look for patterns, small ones first and then patterns of these; a "
        "linear layer names the class."
    )
    return Setting("Network", spec.architecture.name, meaning)


def _residual_blocks(spec: ResolvedSpec) -> Setting:
    if spec.architecture.residual:
        meaning = (
            "Each block adds its input to its output: it learns a correction, and gradients reach "
            "the first layers past the blocks."
        )
        return Setting("Residual blocks", "with shortcuts", meaning)
    meaning = (
        "Blocks do not add their input to their output: gradients must pass every layer, which "
        "trains worse the deeper the network is."
    )
    return Setting("Residual blocks", "without shortcuts", meaning)


def _epochs(spec: ResolvedSpec, facts: RunFacts | None) -> Setting:
    images = f"the {facts.train_images:,} training images" if facts else "all training images"
    steps = f", in {count(facts.steps_per_epoch, 'step')}" if facts else ""
    return Setting(
        "Epochs",
        f"{spec.epochs:,}",
        f"An epoch is one pass over {images}{steps}. Too few learn too little; too many learn the images by heart.",
    )


def _batch_size(spec: ResolvedSpec, facts: RunFacts | None) -> Setting:
    if spec.batch_size == "full":
        return Setting(
            "Batch size", "all training images", "One step an epoch, along the exact gradient: few steps, each dear."
        )
    batch = spec.batch_size
    meaning = (
        "One step of the optimizer follows the mean gradient of so many images. Small batches "
        "make many noisy steps, large ones few exact ones."
    )
    if facts and facts.train_images < batch:
        meaning += f" There are fewer images than that: {facts.train_images:,}."
    return Setting("Batch size", f"{batch:,} images", meaning)


def _augmentation(augmentation: Augmentation) -> Setting:
    words = list(_changes(augmentation))
    if not words:
        return Setting(
            "Augmentation", "none", "Every epoch shows the same images, which a large network can learn by heart."
        )
    meaning = (
        "Training images are changed at random, anew each epoch, so that the network must learn "
        "what the changes leave. Test images are not."
    )
    return Setting("Augmentation", listed(words), meaning)


def _changes(augmentation: Augmentation) -> Iterator[str]:
    if crop := augmentation.crop:
        yield f"shift by up to {count(crop.padding, 'pixel')}"
    if resized := augmentation.resized_crop:
        yield f"cut out {tenths(resized.smallest_area)} of the image or more"
    if augmentation.flip:
        yield "mirror left and right"
    if augmentation.policy:
        yield augmentation.policy.name
    if rotation := augmentation.rotation:
        yield f"turn by up to {plain(rotation.degrees)} degrees"
    if augmentation.colour:
        yield "change colours"
    if cutout := augmentation.cutout:
        yield f"wipe out {cutout.size} x {cutout.size} pixels"
    if augmentation.erasing:
        yield "wipe out a rectangle"
    if mixup := augmentation.mixup:
        yield f"mixup (alpha {plain(mixup.alpha)})"
    if cutmix := augmentation.cutmix:
        yield f"CutMix (alpha {plain(cutmix.alpha)}, probability {plain(cutmix.probability)})"


def _regularisation(spec: ResolvedSpec) -> Iterator[Setting]:
    rules, network = spec.regularisation, spec.architecture
    if rules.label_smoothing:
        yield Setting(
            "Label smoothing",
            plain(rules.label_smoothing),
            "So much of each label is spread over all classes, so that the network grows less sure "
            "of itself. It keeps the train loss from reaching 0.",
        )
    if network.dropout:
        yield Setting(
            "Dropout",
            plain(network.dropout),
            "In training, features in front of the last layer are set to 0 with this probability, so "
            "that none is relied on alone.",
        )
    if isinstance(network, WideResNet) and network.block_dropout:
        yield Setting(
            "Dropout in blocks",
            plain(network.block_dropout),
            "In training, features within blocks are set to 0 with this probability.",
        )
    if network.stochastic_depth:
        yield Setting(
            "Stochastic depth",
            plain(network.stochastic_depth),
            "In training, whole blocks are skipped at random, later ones up to this probability.",
        )
    if rules.gradient_clipping:
        yield Setting(
            "Gradient clipping",
            plain(rules.gradient_clipping),
            "Longer gradients are scaled down to this norm, so that one batch cannot throw the weights far.",
        )
    if rules.ema:
        yield Setting(
            "Moving average",
            plain(rules.ema.decay),
            "An average over the last steps' weights is what is tested and kept: it is less noisy than the weights.",
        )
    if rules.swa:
        yield Setting(
            "Weight averaging",
            f"from epoch {rules.swa.start_epoch}",
            "The mean of the weights at the ends of these epochs is what is tested and kept.",
        )
    if stopping := rules.early_stopping:
        yield Setting(
            "Early stopping",
            f"after {count(stopping.patience, 'epoch')}",
            "Training ends when the validation accuracy has not risen for so long, and the weights "
            "of the best epoch are kept.",
        )


def _start(spec: ResolvedSpec) -> Iterator[Setting]:
    if spec.starting_weights:
        yield Setting(
            "Starting weights", spec.starting_weights, "What an earlier network has learned is where this one begins."
        )
    if spec.freeze != "none":
        yield Setting(
            "Frozen layers",
            {"stem": "the first one"}.get(spec.freeze, "all but the last one"),
            "They keep their starting weights as they are.",
        )


def _validation(spec: ResolvedSpec, facts: RunFacts | None) -> Setting:
    if spec.validation_fold or spec.validation_fraction:
        held_out = f"{facts.validation_images:,} images" if facts else "a part"
        return Setting(
            "Validation",
            f"{held_out} held out",
            "The best epoch is chosen on images that are neither trained on nor tested on, so that "
            "the test accuracy stays an honest one.",
        )
    return Setting(
        "Validation",
        "none",
        "The best epoch is chosen on the test split itself: its accuracy is a little too good to "
        "be true for new images.",
    )


def _seed(spec: ResolvedSpec) -> Setting:
    meaning = "It decides starting weights, order of images and augmentation."
    if spec.deterministic:
        return Setting(
            "Seed",
            f"{spec.seed}, deterministic",
            f"{meaning} Another run on the same kind of machine ends with the same weights, bit for bit.",
        )
    return Setting(
        "Seed",
        str(spec.seed),
        f"{meaning} Another run with it differs by rounding alone, which may grow over many steps.",
    )
