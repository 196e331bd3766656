"""What a bad disk does to a checkpoint."""

from contextlib import suppress
from io import SEEK_END
from pathlib import Path

from tests.chaos import contract


def newest_checkpoint(storage: Path) -> Path | None:
    """A file of a checkpoint's final name, not a temporary one."""
    try:
        found = [(path.stat().st_mtime, path) for path in storage.glob(contract.CHECKPOINTS)]
    except FileNotFoundError:  # deleted meanwhile
        return None
    return max(found)[1] if found else None


def damage(path: Path, *, cut_off: bool) -> None:
    """Change its middle byte, or cut off its second half. One that is deleted meanwhile stays so."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        middle = file.seek(0, SEEK_END) // 2
        if cut_off:
            file.truncate(middle)
            return
        file.seek(middle)
        byte = file.read(1)
        file.seek(middle)
        file.write(bytes([byte[0] ^ 0xFF]))
