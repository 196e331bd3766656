"""Starts trainer processes from a fork server that has torch imported: milliseconds, where a fresh interpreter takes
seconds. CUDA stays untouched until a child needs it."""

import os
import signal
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing import forkserver, get_context, resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from environment.files import socket_folder
from worker import trainer_process
from worker.messages import REPORTS, Devices, Order

# After a fork server dies, the next one must import torch before it starts a trainer.
START_SECONDS = 120.0
GROUP_SECONDS = 5.0

_context = get_context("forkserver")


def detect_devices(*also: str) -> Devices:
    """Start the fork server, and list this machine's accelerators. It imports torch, and the modules in `also`, which
    trainers will need; it takes as long as that does.

    Raises EOFError where torch does not import; standard error has the reason.
    """
    # libgomp's threads wait for each other by spinning. On shared cores they so take the core from the thread they wait
    # for: with two other busy processes on 2 cores, a step of ResNet-20 took 12 times as long. libgomp reads this
    # variable once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _keep_sockets_short()
    _context.set_forkserver_preload([*trainer_process.PRELOAD, *also])
    ours, theirs = _context.Pipe()
    process = _context.Process(target=trainer_process.report_devices, args=(theirs,))
    process.start()
    theirs.close()
    report = REPORTS.validate_json(ours.recv_bytes())
    process.join()
    assert isinstance(report, Devices)
    return report


def _keep_sockets_short() -> None:
    """The library makes its sockets in TMPDIR, whose path may be too long for them. It asks for the folder once."""
    usual, tempfile.tempdir = tempfile.tempdir, socket_folder()
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


def stop_fork_server() -> None:
    """End the fork server, once no trainer is left, and wait for it, so that this process leaves nothing behind.

    The library ends it by itself some time after this process, and has no public way to do so in time.
    """
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # private, as the docstring says
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # likewise


def start_trainer(order: Order) -> tuple[ForkServerProcess, Connection]:
    """A new trainer process at work on `order`, and our end of its pipe. No daemon, which may have no children.

    Raises OSError or EOFError where it does not start: a fork server that answers nobody is ended, and the next call
    starts another.
    """
    ours, theirs = _context.Pipe()
    process = _context.Process(
        target=trainer_process.run, args=(theirs, order.model_dump_json().encode()), name=order.job_id
    )
    watch = threading.Timer(START_SECONDS, kill_fork_server)
    watch.daemon = True
    watch.start()
    try:
        process.start()
    finally:
        watch.cancel()
        theirs.close()
    return process, ours


def kill_fork_server() -> None:
    """End the fork server, and with it every trainer. The next that is started brings another."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # private; there is no other way
    if pid is None:
        return
    deadline = time.monotonic() + GROUP_SECONDS
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        # Wait until it is dead, but do not reap it (WNOWAIT): the library does that, and expects to.
        ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, pid, ended) is None and time.monotonic() < deadline:
            time.sleep(0.01)


def end_group(process: ForkServerProcess) -> None:
    """Kill a trainer and every process that it has started, and wait until they are gone: the next job gets their
    devices."""
    deadline = time.monotonic() + GROUP_SECONDS
    assert process.pid
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(GROUP_SECONDS)
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
