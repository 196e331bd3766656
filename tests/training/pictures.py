"""Images of every kind that operations on pixels have to cope with."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def pictures(size: int, channels: int) -> Tensor:
    """Noise, noise of low contrast, smooth shades, one colour, two colours: uint8 [12, size, size, channels]."""
    random = torch.Generator().manual_seed(size * 10 + channels)
    shape = (3, size, size, channels)
    noise = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    faint = torch.randint(90, 140, shape, dtype=torch.uint8, generator=random)
    shades = interpolate(torch.rand(4, channels, 4, 4, generator=random), size, mode="bicubic").clamp(0, 1) * 255
    dotted = torch.where(torch.rand(shape[1:], generator=random) < 0.1, 3, 200).to(torch.uint8)
    plain = torch.full(shape[1:], 77, dtype=torch.uint8)
    return torch.cat((noise, faint, shades.to(torch.uint8).permute(0, 2, 3, 1), plain[None], dotted[None])).contiguous()


def planes(image: Tensor) -> Tensor:
    """As torchvision takes an image: [C, H, W] of [H, W, C]."""
    return image.permute(2, 0, 1)


def differences(images: Tensor, references: list[Tensor]) -> Tensor:
    """How far apart pixel values are: int64 [B, H, W, C] of uint8 [B, H, W, C] and [C, H, W] each."""
    return (images.long() - torch.stack(references).permute(0, 2, 3, 1).long()).abs()
