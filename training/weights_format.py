"""How a weights file of ours says what it holds. Torch-free, so that the platform reads and writes it, too.

It is a safetensors file whose metadata has one entry, JSON, with a checksum of all content around it.
"""

import re
from collections.abc import Mapping, Sequence

ENTRY = "epochal"  # the metadata's only one: safetensors writes several in an order that differs between processes
OLD_CHECKSUM = "sha256"  # a second one, in weights that release 0.2 wrote
_SEALED = re.compile(r'\{"sha256": "([0-9a-f]{64})", "content": (.*)\}')


def seal(checksum: str, plain: str) -> str:
    """The entry for `plain`, which is JSON without line breaks."""
    return f'{{"sha256": "{checksum}", "content": {plain}}}'


def unseal(metadata: Mapping[str, str]) -> tuple[str, str]:
    """The checksum and the JSON in a file's metadata. Raises KeyError where they are not there."""
    if found := _SEALED.fullmatch(metadata[ENTRY]):
        return found[1], found[2]
    return metadata[OLD_CHECKSUM], metadata[ENTRY]


def described(name: str, dtype: str, shape: Sequence[int]) -> bytes:
    """What the checksum says of a tensor, in front of its bytes. `dtype` as torch calls it: `float32`."""
    return f"{name} torch.{dtype} {list(shape)}".encode()
