"""A small disk that can be full: a tmpfs that shrinks to what lies on it."""

import os
import subprocess
from pathlib import Path

SIZE = "2g"
PAGE = 4096


class Disk:
    """A disk mounted at `folder`, if this system lets us; `refusal` says why not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self.refusal = self._mount(f"size={SIZE}")
        self.mounted = self.refusal is None

    def fill(self) -> bool:
        """Not one page more fits, until `free`. Whether it is so."""
        usage = os.statvfs(self._folder)
        used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
        # A write in between may have taken more: the kernel refuses a size that is too small.
        return any(self._mount(f"remount,size={used + PAGE + spare * 256 * PAGE}") is None for spare in range(64))

    def free(self) -> None:
        """There is room again."""
        self._mount(f"remount,size={SIZE}")

    def close(self) -> None:
        """Unmount it, with all that lies on it."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
            self.mounted = False

    def _mount(self, options: str) -> str | None:
        """What was said against it."""
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return "there is no mount command"
        return None if done.returncode == 0 else done.stderr.strip().partition("\n")[0]
