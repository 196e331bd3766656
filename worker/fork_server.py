"""Starts trainer processes from a fork server that has torch imported: milliseconds, where a fresh interpreter takes
seconds. CUDA stays untouched until a child needs it."""

import os
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from worker import trainer_process
from worker.messages import REPORTS, Devices, Order

_context = get_context("forkserver")


def probe_devices() -> Devices:
    """Start the fork server and ask for this machine's accelerators. Takes as long as torch's import.

    Raises EOFError where torch does not import; standard error has the reason.
    """
    # Threads that wait for each other by spinning take the core from the one they wait for whenever cores are
    # shared: with two other busy processes on 2 cores, a step of ResNet-20 took 12 times as long. libgomp reads this
    # once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _context.set_forkserver_preload(trainer_process.PRELOAD)
    ours, theirs = _context.Pipe()
    process = _context.Process(target=trainer_process.probe, args=(theirs,))
    process.start()
    theirs.close()
    report = REPORTS.validate_json(ours.recv_bytes())
    process.join()
    assert isinstance(report, Devices)
    return report


def stop_fork_server() -> None:
    """End the fork server, once no trainer is left, and wait for it, so that this process leaves nothing behind.

    The library ends it by itself some time after this process, and has no public way to do so in time.
    """
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # private, as the docstring says
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # likewise


def start_trainer(order: Order) -> tuple[ForkServerProcess, Connection]:
    """A new trainer process at work on `order`, and our end of its pipe. No daemon, which may have no children."""
    ours, theirs = _context.Pipe()
    process = _context.Process(
        target=trainer_process.run, args=(theirs, order.model_dump_json().encode()), name=order.job_id
    )
    process.start()
    theirs.close()
    return process, ours
