"""What is exported: a network with its normalisation in front."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.engine.export.saved import SavedNetwork
from training.engine.networks.layers import MeanOverPixels

EXAMPLE_BATCH = 2  # to trace with: a batch of one would be taken for a constant


class _Normalised(nn.Module):
    """As training.engine.normalisation has it, but for the order in memory."""

    def __init__(self, saved: SavedNetwork) -> None:
        super().__init__()
        self.mean = nn.Buffer(saved.normalise.mean[:, None, None])
        self.deviation = nn.Buffer(saved.normalise.deviation[:, None, None])

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 [B, H, W, C] to float32 [B, C, H, W]."""
        return (images.permute(0, 3, 1, 2).float() - self.mean) / self.deviation


class Classifier(_Normalised):
    """Maps images, uint8 [B, size, size, channels], to logits, float32 [B, classes]."""

    def __init__(self, saved: SavedNetwork) -> None:
        super().__init__(saved)
        self.network = saved.network

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.network(self.normalised(images))
        return logits


class ExplainedClassifier(_Normalised):
    """Gives class-activation maps, float32 [B, classes, h, w], beside the logits (Zhou et al. 2016, arXiv:1512.04150).

    They are exact here: behind the last feature map come the mean over its pixels and one linear layer, so that the
    mean of a class's map, plus the bias, is its logit.
    """

    def __init__(self, saved: SavedNetwork) -> None:
        super().__init__(saved)
        *body, head = saved.network.children()
        layers = list(head.children())
        pool = next(place for place, layer in enumerate(layers) if isinstance(layer, MeanOverPixels))
        self.features = nn.Sequential(*body, *layers[:pool])
        self.classify = nn.Sequential(*layers[pool:])
        assert isinstance(layers[-1], nn.Linear)
        self.linear = layers[-1]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and maps."""
        features = self.features(self.normalised(images))
        maps = functional.conv2d(features, self.linear.weight[:, :, None, None])
        return self.classify(features), maps


def example_images(saved: SavedNetwork) -> Tensor:
    """Images to trace with, uint8 [EXAMPLE_BATCH, size, size, channels]."""
    size = saved.inputs.image_size
    return torch.zeros(EXAMPLE_BATCH, size, size, saved.inputs.channels, dtype=torch.uint8)
