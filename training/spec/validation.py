"""Cross-validation: a validation split that is one of several equal parts of the training images."""

from collections.abc import Iterator

from pydantic import Field

from training.spec.part import Conflict, Part, quantity

FEWEST_FOLDS, MOST_FOLDS = 2, 20


class ValidationFold(Part):
    """One part of the training images is held out, and the probabilities that the trained network gives to its images
    are kept. The parts are equal in every class to within an image, and are a function of the seed and of the images'
    content; copies of an image are in one part. So `of` jobs with every `index` judge each image by a network that was
    not trained on it."""

    index: int = Field(ge=0, lt=MOST_FOLDS, description="Which part is held out, from 0.")
    of: int = quantity(unit="parts", ge=FEWEST_FOLDS, le=MOST_FOLDS, description="How many parts there are.")

    def held_out_images(self, images: int) -> int:
        """How many of `images` training images are in this part; some more or fewer, where there are copies."""
        return len(range(self.index, images, self.of))

    def conflicts(self) -> Iterator[Conflict]:
        """The parts are numbered from 0."""
        if self.index >= self.of:
            yield ("index",), self.index, f"of {self.of} parts, the last is {self.of - 1}"
