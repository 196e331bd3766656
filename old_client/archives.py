"""The file that is sent of a folder or an archive. It needs Python alone, as the check of data sets does with it.

A folder is sent as one tar, whose files are in the order of their names and have no times: the same folder is always
the same upload.
"""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from old_client.errors import EpochalError


def pack_folder(folder: Path, file: BinaryIO) -> None:
    """Write `folder` as a tar: regular files alone, in the order of their names, without times and owners. Raises
    EpochalError where there are none, and OSError."""
    is_empty, has_others = True, False
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
            if path.is_symlink() or not path.is_file():
                has_others = has_others or path.is_symlink() or not path.is_dir()
                continue
            is_empty = False
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)
    if is_empty:
        others = ": links and devices, which it has, are not sent" if has_others else ""
        raise EpochalError(
            f"The folder {folder} has no files{others}. Put the images of every class at train/<class>/ and at "
            "test/<class>/, or at <class>/ to have them split.",
            code="dataset_invalid",
        )


@contextmanager
def archive_of(path: Path) -> Iterator[BinaryIO]:
    """The file itself, or a folder packed into one that vanishes afterwards. Raises EpochalError where a folder has no
    files, and OSError."""
    if not path.is_dir():
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as packed:
        pack_folder(path, packed)
        packed.seek(0)
        yield packed
