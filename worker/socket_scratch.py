"""Where Python's multiprocessing makes its sockets: in a folder that the next worker removes if this one is killed."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from environment.files import LONGEST_SOCKET_PATH, PRIVATE_FOLDER, SOCKET_NAME, socket_folder
from worker.scratch import Scratch

NAME_BYTES = 4


class SocketScratch:
    """Open from its making until `close`."""

    def __init__(self) -> None:
        """Raises CannotStart where no sockets can be made."""
        usual = Path(socket_folder())
        self.folder = usual  # where no own one can be had: a kill leaves one folder there
        self._scratch: Scratch | None = None
        root = usual / f"epochal-{os.geteuid()}"
        name = secrets.token_hex(NAME_BYTES)
        if len(os.fsencode(root / name)) > LONGEST_SOCKET_PATH - SOCKET_NAME or not _is_own(root):
            return
        scratch = Scratch(root, name)
        with suppress(OSError):
            scratch.open()
            self._scratch = scratch
            (root / name).mkdir(PRIVATE_FOLDER)
            self.folder = root / name

    def close(self) -> None:
        """Remove the folder."""
        if self._scratch is not None:
            self._scratch.close()


def _is_own(folder: Path) -> bool:
    """Make it where it is not there. In a folder that anybody may write to, another user may have made it."""
    with suppress(OSError):
        folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return False
