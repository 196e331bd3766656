"""What can be told of a process that could not say itself why it ended."""

import signal
from pathlib import Path

from jobs.failures import Failure

HINTS: dict[int, str] = {
    signal.SIGKILL: "Somebody or something killed it: look at the worker's log and at its machine's.",
    signal.SIGBUS: "SIGBUS often means that a disk is full that a file in memory lies on: free space where "
    "EPOCHAL_DATA_DIR lies, or look at the worker's log.",
}

# Where Linux counts the processes that it killed for want of memory: of this container, and of the whole machine.
COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


class OomKills:
    """Sees whether the kernel has killed a process for want of memory since this was made."""

    def __init__(self) -> None:
        self._before = _count()

    def explain(self, process: str, exit_code: int | None) -> Failure:
        """Why `process`, as a sentence begins with it, ended as it did. A signal's number is negative."""
        if exit_code == -signal.SIGKILL and _count() > self._before:
            hint = (
                "The machine's memory does not hold what runs on it: set spec.micro_batch_size, lower "
                "spec.batch_size, let spec.placement be streamed, or give the worker fewer slots."
            )
            message = f"{process} was killed by the kernel, which had run out of memory."
            return Failure("out_of_memory", message, hint, retryable=True)
        return exit_failure(process, exit_code)


def exit_failure(process: str, exit_code: int | None) -> Failure:
    """Of `process`, as a sentence begins with it, where memory was not the cause."""
    number = -exit_code if exit_code is not None and exit_code < 0 else None
    cause = f"was ended by signal {_name(number)}" if number else f"ended with exit code {exit_code}"
    hint = HINTS.get(number, "Look at the worker's log.") if number else "Look at the worker's log."
    return Failure("worker_lost", f"{process} {cause}.", hint, retryable=True)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals, most of which have none
        return str(number)


def _count() -> int:
    """Of all counters together; 0 where there is none."""
    count = 0
    for path in COUNTERS:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return count
