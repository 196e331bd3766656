"""Parts of equal size and mixture for cross-validation, by the content of images. Torch-free."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from training.images.identity import Digests, Labels


def fold_numbers(labels: Labels, digests: Digests, folds: int, seed: int) -> NDArray[np.int64]:
    """The part, from 0 to `folds` - 1, of each image of a split: int64 [N].

    Images with the same digest are in one part, whatever their labels. The others are dealt out class by class, in an
    order that depends on `seed` and on their own content alone. So parts are as large as each other, over all and in
    each class, to within one image; copies may make some larger. The order of the images has no effect.
    """
    keys = np.ascontiguousarray(digests).view(f"V{digests.shape[1]}").reshape(-1)
    distinct, group = np.unique(keys, return_inverse=True)
    classes = np.full(len(distinct), np.iinfo(np.int64).max)
    np.minimum.at(classes, group, labels)  # of copies under several labels, the first
    begun = sha256(b"%d\0" % seed)
    drawn = np.empty(len(distinct), np.uint64)
    for place, key in enumerate(distinct):
        each = begun.copy()
        each.update(key.tobytes())
        drawn[place] = int.from_bytes(each.digest()[:8], "big")
    dealt = np.empty(len(distinct), np.int64)
    dealt[np.lexsort((drawn, classes))] = np.arange(len(distinct)) % folds
    found: NDArray[np.int64] = dealt[group]
    return found
