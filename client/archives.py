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


def pack_folder(folder: Path, file: BinaryIO) -> None:
    """Write `folder` as a tar: regular files alone, in the order of their names, without times and owners. Raises
    OSError."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
            if path.is_symlink() or not path.is_file():
                continue
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)


@contextmanager
def archive_of(path: Path) -> Iterator[BinaryIO]:
    """The file itself, or a folder packed into one that vanishes afterwards. Raises OSError."""
    if not path.is_dir():
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as packed:
        pack_folder(path, packed)
        packed.seek(0)
        yield packed
