"""Augmentation of whole batches at once, on the device that holds the images, one draw a sample.

The rule: **the host draws, the device works.** What a sample looks like is a function of (seed, epoch, sample), so the
host knows every parameter from the samples' numbers alone, without looking at an image. It draws them on the CPU, sorts
the batch by what is to be done, and sends parameters and orders through pinned memory. The device never decides
anything: nothing there depends on how many samples a mask holds, and the host never waits for it.

Pixels are computed exactly, or by one elementary operation at a time, which every device rounds alike: the same sample
looks the same on any device, in any batch, at any place in it. Images are uint8 [B, H, W, C] from the first operation
to the last. torchvision's functions on single uint8 images are what all this is tested against.
"""

from training.engine.augmentation.augmenter import Augmenter
from training.engine.augmentation.mixing import Examples, Mixer

__all__ = ["Augmenter", "Examples", "Mixer"]
