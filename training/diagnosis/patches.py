"""Changes of a spec, as JSON merge patches that `rerun` accepts: what is to be changed, and nothing beside it.

Where the spec is unknown, a patch says what would be right for most.
"""

from collections.abc import Mapping
from typing import Any

from training.diagnosis.reading import Reading
from training.diagnosis.spec_view import usual_learning_rate
from training.known.datasets import KNOWN_DATASETS
from training.spec import ResolvedSpec
from training.spec.regularisation import EarlyStopping

Patch = Mapping[str, Any]

# Photographs, of which a mirrored one keeps its class. Of an uploaded data set, only its owner knows.
MIRRORED_KEEPS_CLASS = ("cifar10", "cifar100")
MOST_EPOCHS = 10_000
HIGHEST_RATE = 100.0
MOST_HELD_OUT = 0.5  # of the training images


def augmentation(reading: Reading) -> Patch | None:
    """The next stronger augmentation; None where there is little left to add."""
    spec = reading.spec
    if spec is None:
        return {"augmentation": {"crop": {"padding": 4}}}
    ours, added = spec.augmentation, dict[str, Any]()
    if not (ours.crop or ours.resized_crop):
        added["crop"] = {"padding": padding(reading)}
    if not ours.flip and spec.dataset in MIRRORED_KEEPS_CLASS:
        added["flip"] = True
    if not added and not ours.policy:
        added["policy"] = {"name": "trivialaugment"}
    if not added and not (ours.mixup or ours.cutmix) and _may_mix(reading):
        added["cutmix"] = {"alpha": 1.0, "probability": 0.5}
    return {"augmentation": added} if added else None


def padding(reading: Reading) -> int:
    """An eighth of the image's side, as the usual 4 pixels are of CIFAR's 32."""
    spec, known = reading.spec, KNOWN_DATASETS.get(reading.spec.dataset) if reading.spec else None
    size = (spec.image_size if spec else None) or reading.run.facts.image_size or (known.image_size if known else 32)
    return max(1, min(512, size // 8))


def _may_mix(reading: Reading) -> bool:
    """Mixing needs pairs, and two classes."""
    spec, classes = reading.spec, reading.run.facts.classes
    sizes = [spec.batch_size, spec.micro_batch_size] if spec else []
    return classes != 1 and not any(isinstance(size, int) and size % 2 for size in sizes)


def softened_labels(reading: Reading) -> Patch | None:
    """What keeps a network from learning wrong labels by heart: mixup, or smoothed labels; None: it has both."""
    spec, patch = reading.spec, dict[str, Any]()
    if reading.run.facts.classes == 1:
        return None
    if spec is None or (not (spec.augmentation.mixup or spec.augmentation.cutmix) and _may_mix(reading)):
        patch["augmentation"] = {"mixup": {"alpha": 1.0}}
    if spec is None or not spec.regularisation.label_smoothing:
        patch["regularisation"] = {"label_smoothing": 0.1}
    return patch or None


def learning_rate(reading: Reading, rate: float) -> Patch:
    """`rate`, and with it what must not lie above it."""
    spec = reading.spec
    rate = float(f"{min(rate, HIGHEST_RATE):.2g}")
    patch: dict[str, Any] = {"optimizer": {"learning_rate": rate}}
    if spec is None:
        return patch
    for field in ("final_learning_rate", "minimum"):
        lowest = getattr(spec.schedule, field, 0.0)
        if lowest >= rate:
            patch["schedule"] = {field: 0.0}
    swa = spec.regularisation.swa
    if swa and swa.learning_rate is not None and swa.learning_rate >= rate:
        patch["regularisation"] = {"swa": {"learning_rate": None}}
    return patch


def usual_rate(reading: Reading, towards: float) -> Patch | None:
    """The usual learning rate where that is at least `towards` times the spec's (below 1: at most), and otherwise the
    spec's times `towards`. None where neither is known."""
    spec = reading.spec
    if spec is None:
        return None
    ours, usual = spec.optimizer.learning_rate, usual_learning_rate(spec, reading.run.facts.train_images)
    wanted = ours * towards
    return learning_rate(reading, max(usual, wanted) if towards > 1 else min(usual, wanted))


def epochs(reading: Reading, factor: float) -> Patch | None:
    """So many times the epochs, the milestones moved with them; None where there are as many as there may be."""
    spec = reading.spec
    before = spec.epochs if spec else (reading.run.planned_epochs or reading.run.last_epoch + 1)
    after = min(MOST_EPOCHS, round(before * factor))
    if after <= before:
        return None
    return {"epochs": after, **_schedule_over(spec, after / before)} if spec else {"epochs": after}


def _schedule_over(spec: ResolvedSpec, factor: float) -> Patch:
    schedule: Any = spec.schedule
    match schedule.name:
        case "multistep":
            return {"schedule": {"milestones": [round(each * factor) for each in schedule.milestones]}}
        case "step":
            return {"schedule": {"step_epochs": round(schedule.step_epochs * factor)}}
        case "exponential":
            return {"schedule": {"gamma": float(f"{schedule.gamma ** (1 / factor):.4g}")}}
    return {}


def warmup(reading: Reading) -> Patch | None:
    """A twentieth of the run, at most five epochs; None where the schedule has one, or no room for one."""
    spec = reading.spec
    if spec is None:
        return {"schedule": {"warmup_epochs": 5}}
    wanted = max(1, min(5, spec.epochs // 20))
    if spec.schedule.warmup_epochs >= wanted or spec.schedule.name == "one_cycle" or spec.epochs < 3:
        return None
    if spec.schedule.name in ("multistep", "step", "plateau", "warm_restarts") and spec.epochs < 10:
        return None
    return {"schedule": {"warmup_epochs": wanted}}


def annealed(reading: Reading) -> Patch:
    """A learning rate that falls to 0 over the whole run."""
    spec = reading.spec
    short = spec is not None and spec.epochs <= 1 + spec.schedule.warmup_epochs
    kept = spec.schedule.warmup_epochs if spec and not short else 0
    return {"schedule": {"name": "cosine", **({"warmup_epochs": kept} if kept else {})}}


def validation(reading: Reading) -> Patch | None:
    """A tenth of the training images to choose on; None where some are held out already."""
    spec = reading.spec
    if spec is None:
        return {"validation_fraction": 0.1}
    return None if spec.validation_fraction or spec.validation_fold else {"validation_fraction": 0.1}


def more_training_images(reading: Reading) -> Patch | None:
    """A tenth held out where it was more than half; None where most images were trained on."""
    spec = reading.spec
    return {"validation_fraction": 0.1} if spec and spec.validation_fraction > MOST_HELD_OUT else None


def early_stopping(reading: Reading) -> Patch | None:
    """End when the validation accuracy has stopped rising."""
    spec = reading.spec
    if spec is None or spec.regularisation.early_stopping or spec.validation_fold or spec.epochs < 20:
        return None
    patience = min(EarlyStopping().patience, spec.epochs // 4)
    held_out = {} if spec.validation_fraction else {"validation_fraction": 0.1}
    return {**held_out, "regularisation": {"early_stopping": {"patience": patience}}}
