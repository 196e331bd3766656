"""An image counts by its pixels, however large it is."""

from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from training.images import identity
from training.images.identity import digest_of


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_large_image_is_copied_in_strips_and_has_the_digest_of_its_whole(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (101, 37, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    expected = sha256(b"37 101\0" + np.asarray(image.convert("RGB")).tobytes()).digest()
    copied: list[int] = []
    tobytes = Image.Image.tobytes

    def counted(self: Image.Image) -> bytes:
        copied.append(self.height)
        return tobytes(self)

    monkeypatch.setattr(identity, "STRIP", 400)
    monkeypatch.setattr(Image.Image, "tobytes", counted)
    assert digest_of(image) == expected
    assert copied == [10] * 10 + [1]
