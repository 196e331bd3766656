"""Why a process ended that could not report it itself: by its exit code, and the kernel's counts of killed
processes."""

import signal
from pathlib import Path

from jobs.failures import Failure

HINTS: dict[int, str] = {
    signal.SIGKILL: "Somebody or something killed it: look at the worker's log and at its machine's.",
    signal.SIGBUS: "SIGBUS often means that a disk is full that a file in memory lies on: free space where "
    "EPOCHAL_DATA_DIR lies, or look at the worker's log.",
}

# Where Linux counts the processes that its out-of-memory killer has killed: of this container, and of the machine.
COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


class OomKills:
    """Whether the kernel's out-of-memory killer has killed a process since this object was made."""

    def __init__(self) -> None:
        self._before = _count()

    def explain(self, process: str, exit_code: int | None) -> Failure:
        """Why `process` ended. `process` begins a sentence; an exit code below 0 is the number of a signal, negated."""
        if exit_code == -signal.SIGKILL and _count() > self._before:
            hint = (
                "The machine's memory does not hold what runs on it: set spec.micro_batch_size, lower "
                "spec.batch_size, let spec.placement be streamed, or give the worker fewer slots."
            )
            message = f"{process} was killed by the kernel, which had run out of memory."
            return Failure("out_of_memory", message, hint, retryable=True)
        return exit_failure(process, exit_code)


def exit_failure(process: str, exit_code: int | None) -> Failure:
    """Why `process` ended, where memory was not the cause. `process` begins a sentence."""
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
