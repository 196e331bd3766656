"""What a process has started, as Linux tells."""

from pathlib import Path


def descendants(pid: int) -> dict[int, str]:
    """The living processes that `pid` has started, and that those have started."""
    found: dict[int, str] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            child = int(status.parent.name)
            found |= {child: command, **descendants(child)}
    return found


def validations(pid: int) -> list[int]:
    """The validations that `pid` runs, without the processes in which they decode."""
    found = {child: command for child, command in descendants(pid).items() if "worker.validation" in command}
    return [child for child in found if not any(child in descendants(other) for other in found)]
