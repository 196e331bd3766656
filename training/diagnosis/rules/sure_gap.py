"""A gap between accuracies that neither the spec nor the number of images explains."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.diagnosis.curves import last_level
from training.diagnosis.reading import NEAR_ALL, Reading
from training.diagnosis.spec_view import lifts_train_loss
from training.intervals import wilson_interval

LEAST = 0.1  # between the train accuracy and the upper end of the other split's 95 % interval
TIMES_TRAIN = 5.0  # the other split's loss, of the train loss


@dataclass(frozen=True, slots=True)
class SureGap:
    """How sure it is, by the number of images and by the losses."""

    split: str
    images: int
    high: float  # upper end of the accuracy's 95 % interval
    loss: float
    times: float  # the train loss

    @property
    def sentence(self) -> str:
        """For somebody who has just read both accuracies."""
        return (
            f"{self.images:,} images tell that this is no chance: on all of their kind, the accuracy is at most "
            f"{self.high:.1%}, with 95 % confidence. The {self.split} loss, {self.loss:.2g}, is {self.times:.0f} times "
            "the train loss."
        )

    @property
    def evidence(self) -> Mapping[str, float | int | str]:
        """By name, as a finding has it."""
        return {
            f"{self.split}_images": self.images,
            "interval_high": self.high,
            "loss_now": self.loss,
            "loss_over_the_train_loss": self.times,
        }


def sure_gap(reading: Reading) -> SureGap | None:
    """Nothing made the training images harder, all of them are right, and the other split lies far from them. None:
    otherwise, or where the spec or the number of images is unknown. Augmented images may be known by heart in a sound
    run: CIFAR-100's are, at 76 %."""
    images, final = reading.run.held_out_images, reading.final_accuracy
    if reading.spec is None or lifts_train_loss(reading.spec) or not images or final is None:
        return None
    if not (len(reading.train_accuracy) and len(reading.train) and len(reading.loss)):
        return None
    train, high = last_level(reading.train_accuracy), wilson_interval(final * images, images)[1]
    loss, times = last_level(reading.loss), last_level(reading.loss) / max(1e-12, last_level(reading.train))
    if train < NEAR_ALL or train - high < LEAST or times < TIMES_TRAIN:
        return None
    return SureGap(reading.split, images, high, loss, times)
