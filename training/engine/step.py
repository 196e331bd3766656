"""One step of training: forward, backward, update; computed as a StepChoice says."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from training.engine.augmentation import Examples
from training.engine.device.determinism import seed_step
from training.engine.device.precision import autocast
from training.engine.optimizers import SharpnessAware
from training.engine.signals import Signals, is_measured
from training.engine.team import Team
from training.grace_periods import COMPILE_SECONDS, grace_period
from training.metrics import StepChoice
from training.plan import NetworkPlan, draws_random_numbers
from training.spec import ResolvedSpec


class TrainingStep:
    """Updates `network` by `optimizer`, one batch a call. Never waits for the device, except in fp16 with an optimizer
    for which torch has no fused kernel: its scaler then reads, each step, whether a gradient has overflowed."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: optim.Optimizer,
        plan: NetworkPlan,
        spec: ResolvedSpec,
        device: torch.device,
        team: Team,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.signals = Signals(network, device, team)
        self._seed = spec.seed if draws_random_numbers(plan) else None
        self._smoothing = spec.regularisation.label_smoothing
        self._clipping = spec.regularisation.gradient_clipping
        self._sharpness = SharpnessAware(spec.optimizer.sam, network) if spec.optimizer.sam else None
        self._device = device
        self._team = team
        self._forward: Callable[[Tensor], Tensor] = network
        self._memory_format = torch.contiguous_format
        self.choice = StepChoice(memory_format="contiguous")
        self._is_compiling = False  # the next pass compiles
        self.seconds = 0.0  # of the latest step, as the host sees it: a GPU may still be computing
        self.scaler = torch.amp.GradScaler(device.type, enabled=spec.precision == "fp16")
        self._one = torch.ones((), device=device)

    def __call__(
        self,
        parts: Callable[[], Iterator[Examples]],
        images: int,
        epoch: int,
        step: int,
        between: Callable[[], object] = lambda: None,
    ) -> Tensor:
        """Make step number `step` of `epoch`, on a batch of `images` images. `parts` yields them in parts, anew at each
        call. `between` is called between two parts, as a sign of life: a step may take long, and is never left halfway.

        Returns the batch's summed loss and number of correct answers before the update, float64 [2], of this
        process's parts alone.
        """
        began = time.perf_counter()
        measured = is_measured(step)
        totals = self._gradients(parts, images, epoch, step, between, watched=measured)
        if self._sharpness:
            with self._sharpness.at_worst_point():
                self.optimizer.zero_grad()
                self._gradients(parts, images, epoch, step, between)
        with self.signals.update(self.scaler.scale(self._one)) if measured else nullcontext():
            if self._clipping is not None:
                self.scaler.unscale_(self.optimizer)
                clip_grad_norm_(self.network.parameters(), self._clipping)
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.seconds = time.perf_counter() - began
        return totals

    @property
    def loss_scale(self) -> float:
        """The factor on losses that keeps their gradients within fp16's range; 1 in other formats. Waits for the
        device."""
        return self.scaler.get_scale()

    def _gradients(
        self,
        parts: Callable[[], Iterator[Examples]],
        images: int,
        epoch: int,
        step: int,
        between: Callable[[], object],
        *,
        watched: bool = False,
    ) -> Tensor:
        """`watched`: which units are dead is measured on the first part."""
        totals = torch.zeros(2, dtype=torch.float64, device=self._device)
        for number, examples in enumerate(parts()):
            if number:
                between()
            if self._seed is not None:
                seed_step(self._seed, epoch, step, number, self._team.rank)
            first, hooked = watched and number == 0, self.choice.mode == "eager"
            with self.signals.units() if first and hooked else nullcontext():
                totals += self.forward_backward(examples, len(examples.labels) / images)
            if first and step == 0 and not hooked:
                self._watch_aside(examples.images)
        self._team.add_gradients(self.network)
        return totals

    def forward_backward(self, examples: Examples, weight: float) -> Tensor:
        """Add `weight` times the gradient of the examples' mean loss to the parameters' gradients.

        Returns the summed loss and the number of correct answers, float64 [2]. For a mixed image, the correct answer is
        the label with the larger share. A process of a team passes through the network even with an empty share: the
        others wait for it at each normalisation.
        """
        with grace_period(COMPILE_SECONDS if self._is_compiling else 0.0):
            with autocast(self.choice.precision, self._device):
                logits = self._forward(examples.images.contiguous(memory_format=self._memory_format))
            loss, answers = self._loss(logits.float(), examples)
            self.scaler.scale(loss * weight).backward()
        self._is_compiling = False
        with torch.no_grad():
            correct = (logits.argmax(1) == answers).sum()
            return torch.stack((loss.double() * len(answers), correct.double()))

    @torch.no_grad()
    def _watch_aside(self, images: Tensor) -> None:
        """Measure which units are dead by a pass of its own, once an epoch: hooks cannot be had in a CUDA graph, and
        would have code compiled anew. In evaluation mode, so that it leaves no trace: normalisations take their running
        statistics there, and nothing is drawn."""
        self.network.eval()
        with autocast(self.choice.precision, self._device), self.signals.units():
            self.network(images.contiguous(memory_format=self._memory_format))
        self.network.train()

    def _loss(self, logits: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
        labels, others, shares = examples.labels, examples.other_labels, examples.shares
        if not len(labels):
            return logits.sum(), labels  # the sum of nothing is 0, and the mean would be NaN
        if others is None or shares is None:
            return cross_entropy(logits, labels, label_smoothing=self._smoothing), labels
        first, second = (
            cross_entropy(logits, wanted, label_smoothing=self._smoothing, reduction="none")
            for wanted in (labels, others)
        )
        return (shares * first + (1 - shares) * second).mean(), torch.where(shares >= 0.5, labels, others)

    def use(self, choice: StepChoice, shape: torch.Size) -> None:
        """Compute as `choice` says from now on. A graph is captured, or code compiled, for images of `shape`,
        [B, C, H, W]; those of another shape are computed without."""
        self.network.__dict__.pop("forward", None)  # which make_graphed_callables has set, if the last choice used it
        self._set_memory_format(choice)
        self.choice = choice
        self._is_compiling = choice.mode == "compile"
        match choice.mode:
            case "eager":
                self._forward = self.network
            case "compile":
                self._forward = _for_shape(shape, torch.compile(self.network, dynamic=False), self.network)
            case "graph":
                self._forward = self._graphed(shape)

    def _set_memory_format(self, choice: StepChoice) -> None:
        """Of the weights and of the optimizer's state."""
        channels_last = choice.memory_format == "channels_last"
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network.to(memory_format=self._memory_format)
        for kept in self.optimizer.state.values():
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.ndim == 4:
                    kept[name] = value.contiguous(memory_format=self._memory_format)

    def _graphed(self, shape: torch.Size) -> Callable[[Tensor], Tensor]:
        """The network's forward and backward as CUDA graphs."""
        example = torch.zeros(shape, device=self._device).contiguous(memory_format=self._memory_format)
        buffers = [buffer.clone() for buffer in self.network.buffers()]
        eager = self.network.forward
        try:
            with autocast(self.choice.precision, self._device):
                graphed: Any = torch.cuda.make_graphed_callables(self.network, (example,))
        finally:
            for buffer, before in zip(self.network.buffers(), buffers, strict=True):  # warming up moves statistics
                buffer.copy_(before)
        return _for_shape(shape, graphed, eager)


def _for_shape(
    shape: torch.Size, fast: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """A function that calls `fast` for images of `shape`, and `other` for the smaller last batch of an epoch."""
    return lambda images: fast(images) if images.shape == shape else other(images)
