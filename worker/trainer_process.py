"""The trainer process: an order in, reports out over a pipe. The only door to torch.

It runs in a child of a fork server that has imported what training needs already, so it starts in milliseconds.
It ends when its supervisor closes the pipe, or dies; and whatever it has started ends with it.
"""

import os
import signal
import threading
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from training.lifeline import die_with_parent
from worker.messages import STOP, Devices, Message, Order

# Imported by the fork server, once, for all trainer processes: whatever a trainer imports by itself delays every job.
PRELOAD = [
    "worker.trainer_process",
    "worker.training_run",
    "worker.together",
    "torch._dynamo",  # which building an optimizer imports, in seconds
]


def run(connection: Connection, order: bytes) -> None:
    """Train as `order` (an Order as JSON) says, reporting over `connection`."""
    _detach()
    job = Order.model_validate_json(order)
    send = partial(_send, connection)
    together = 1 < job.spec.devices <= len(job.devices)  # fewer are refused
    stop = get_context("fork").Event() if together else threading.Event()
    threading.Thread(target=_obey, args=(connection, stop), daemon=True).start()
    # Compiled code, which outlives the process where this folder does; /tmp may not hold programs.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(job.cache_dir / "compiled"))
    if isinstance(stop, threading.Event):
        from worker.training_run import reports

        for report in reports(job, stop.is_set):
            send(report)
    else:
        from worker.together import train_together

        train_together(job, stop, send)


def probe(connection: Connection) -> None:
    """Report the machine's accelerators, which only torch can tell."""
    import torch

    _detach()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = tuple(torch.cuda.get_device_name(number) for number in range(count))
    _send(connection, Devices(names=names, torch_version=torch.__version__))


def _detach() -> None:
    """Out of the terminal's reach, which sends Ctrl-C to whole process groups; and no life without the fork server,
    which itself ends with the worker."""
    os.setsid()
    die_with_parent(signal.SIGKILL)


def _obey(connection: Connection, stop: threading.Event | Event) -> None:
    """Wait for the supervisor's word; without a supervisor there is nothing to train for."""
    try:
        while connection.recv_bytes() == STOP:
            stop.set()
    except (EOFError, OSError):
        os._exit(1)


def _send(connection: Connection, message: Message) -> None:
    connection.send_bytes(message.model_dump_json().encode())
