"""The batches that each step of each epoch trains on: a function of (seed, epoch, step) alone, so that a resumed run
sees the same ones."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

import torch
from torch import Tensor

from training.batching import Bounds, batch_bounds, images_per_part, images_per_step
from training.engine.augmentation import Augmenter, Examples, Mixer
from training.engine.counter_rng import permutation
from training.engine.data import Batch, Dataset, make_feed, validation_split
from training.engine.normalisation import Normalisation
from training.engine.team import Team
from training.spec import ResolvedSpec

STATISTICS_EPOCH = -2  # whose order no epoch of training has


class Batches:
    """The training images of `dataset`, in batches: shuffled, augmented, normalised and mixed on `device`."""

    def __init__(self, spec: ResolvedSpec, dataset: Dataset, device: torch.device, team: Team) -> None:
        self._spec, self._team, self._device = spec, team, device
        self.waited = 0.0  # seconds that training has waited for images, since `epoch` was last called
        self.rows, self.validation_rows = validation_split(spec, dataset)
        self.feed = make_feed(dataset.train, device, spec.placement)
        self.normalise = Normalisation.of(dataset.train.images, dataset.train.rows(self.rows)).to(device)
        self._augmenter = Augmenter(
            spec.augmentation, image_size=dataset.image_size, fill=self.normalise.mean, seed=spec.seed, device=device
        )
        self._mixer = Mixer(spec.augmentation, spec.seed)
        self.batch_size = images_per_step(spec.batch_size, len(self.rows))
        self._part_size = images_per_part(spec.batch_size, spec.micro_batch_size)
        self.bounds = batch_bounds(0, len(self.rows), self.batch_size)
        self._parts = [
            [team.share(*bounds) for bounds in batch_bounds(first, end, self._part_size)] for first, end in self.bounds
        ]

        first, end = self._parts[0][0]
        self.shape = torch.Size((end - first, dataset.channels, dataset.image_size, dataset.image_size))

    @property
    def whole(self) -> bool:
        """Whether each step is one forward pass: its batch is not divided into parts."""
        return all(len(parts) == 1 for parts in self._parts)

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self.bounds)

    def images(self, step: int) -> int:
        """How many images `step` trains on, over all processes of a team."""
        first, end = self.bounds[step]
        return end - first

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Callable[[], Iterator[Examples]]]:
        """For each step of `epoch` from `first_step` on, a function that yields the parts of its batch, anew at each
        call."""
        self.waited = 0.0
        order = self.rows[permutation(len(self.rows), self._spec.seed, epoch, torch.device("cpu"))]
        ahead = self._timed(self.feed.batches(order, list(chain.from_iterable(self._parts[first_step:]))))
        for parts in self._parts[first_step:]:
            yield self._parts_of_step(islice(ahead, len(parts)), order, parts, epoch)

    def unaugmented(self, most: int | None = None) -> Iterator[Tensor]:
        """The training images, this process's share of them, normalised and not augmented, in batches of the size that
        a forward pass has in training; of `most` images, where that is given.

        The order is random, and the same each time. In the order of the files, a batch would hold one class, and its
        variance would be too small.
        """
        order = self.rows[permutation(len(self.rows), self._spec.seed, STATISTICS_EPOCH, torch.device("cpu"))]
        count = len(order) if most is None else max(2, min(most, len(order)))
        bounds = [self._team.share(*each) for each in batch_bounds(0, count, self._part_size)]
        for batch in self.feed.batches(order, bounds):
            yield self.normalise(batch.source.index_select(0, batch.positions))

    def _parts_of_step(
        self, ahead: Iterator[Batch], order: Tensor, parts: Sequence[Bounds], epoch: int
    ) -> Callable[[], Iterator[Examples]]:
        """The first call yields the batches that were read ahead. A second call, which SAM makes, reads them again."""
        first = [ahead]

        def examples() -> Iterator[Examples]:
            batches = first.pop() if first else self._timed(self.feed.batches(order, parts))
            return (self._examples(batch, epoch) for batch in batches)

        return examples

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same. A wait does not count where a GPU still has work behind it: it did not wait."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            if self._device.type != "cuda" or torch.cuda.current_stream(self._device).query():
                self.waited += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _examples(self, batch: Batch, epoch: int) -> Examples:
        if not len(batch.samples):  # a process's empty share of a small batch: there is nothing to augment
            return Examples(self.normalise(batch.source.index_select(0, batch.positions)), batch.labels)
        augmented = self._augmenter.batch(batch.source, batch.positions, batch.samples, epoch)
        return self._mixer.mix(self.normalise(augmented), batch.labels, batch.samples, epoch)
