"""Decides from the names of all images, and from tables of labels, which split and class each image has. Torch-free.

It judges as `image_folders.finding` judges a folder on the disk, and knows more layouts: classes without a split,
folders around everything, and images whose labels a table says.
"""

from collections.abc import Mapping, Sequence

from training.archives.arrangement import Arrangement, Place, wrappers_of
from training.archives.by_folders import arrange_by_folders
from training.archives.by_tables import arrange_by_tables, usable_tables
from training.archives.members import EXAMPLES, Skipped
from training.errors import DatasetInvalid
from training.names import in_one_form

__all__ = ["Arrangement", "Place", "arrange"]


def arrange(names: Sequence[str], tables: Mapping[str, bytes], skipped: Skipped | None = None) -> Arrangement:
    """Where each of the images called `names` belongs.

    `skipped` is what reading the archive passed over, and what is passed over here is added to it. A table of labels
    counts more than folders do. Raises DatasetInvalid where it is no data set.
    """
    skipped = Skipped() if skipped is None else skipped
    paths = [in_one_form(name) for name in names]
    wrappers = wrappers_of(paths)
    found, unusable = usable_tables(tables, wrappers, paths)
    if found:
        return arrange_by_tables(names, paths, found, wrappers[-1], skipped)
    try:
        return arrange_by_folders(names, paths, wrappers[-1], skipped)
    except DatasetInvalid as error:
        if not unusable:
            raise
        told = unusable[:EXAMPLES]
        hints = " ".join(dict.fromkeys(table.hint for table in told))
        detail = " ".join(map(str, told))
        raise DatasetInvalid(f"{error.detail} {detail}", f"{hints} Or do without a table. {error.hint}") from None
