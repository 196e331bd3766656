"""The trainer process: an order in, reports out over a pipe. The only door to torch.

It runs in a child of a fork server that has imported what training needs already, so it starts in milliseconds.
It ends when its supervisor closes the pipe, or dies; and whatever it has started ends with it.
"""

import os
import signal
import threading
from collections.abc import Callable
from ctypes import c_int
from multiprocessing import get_context
from multiprocessing.connection import Connection

from training.parent_death_signal import die_with_parent
from worker.messages import Command, Devices, Message, Order

COMMANDS = (None, *Command)  # by what a team's processes share of it: a number

# Imported by the fork server, once, for all trainer processes: whatever a trainer imports by itself delays every job.
PRELOAD = [
    "worker.trainer_process",
    "worker.training_run",
    "worker.distributed_run",
    "torch._dynamo",  # which building an optimizer imports, in seconds
]


def run(connection: Connection, order: bytes) -> None:
    """Train as `order` (an Order as JSON) says, reporting over `connection`."""
    _detach()
    job = Order.model_validate_json(order)
    # Shared with processes that are forked from here.
    said = get_context("fork").RawValue(c_int, COMMANDS.index(Command.FINISH if job.finish_at_once else None))
    threading.Thread(target=_listen, args=(connection, said), daemon=True).start()
    # Compiled code, which outlives the process where this folder does; /tmp may not hold programs.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(job.cache_dir / "compiled"))
    if 1 < job.spec.devices <= len(job.devices):  # fewer are refused
        from worker.distributed_run import train_distributed as train
    else:
        from worker.training_run import train
    train(job, lambda: COMMANDS[said.value], _sender(connection))


def report_devices(connection: Connection) -> None:
    """Report the machine's accelerators. Only torch can list them."""
    import torch

    _detach()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = tuple(torch.cuda.get_device_name(number) for number in range(count))
    _sender(connection)(Devices(names=names, torch_version=torch.__version__))


def _detach() -> None:
    """Leave the terminal's process group, to which Ctrl-C is sent, and die with the fork server, which dies with the
    worker."""
    os.setsid()
    die_with_parent(signal.SIGKILL)


def _listen(connection: Connection, said: c_int) -> None:
    """Receive the supervisor's commands. Exit when the supervisor is gone: nobody would record what is trained."""
    try:
        while True:
            said.value = COMMANDS.index(Command(connection.recv_bytes()))
    except (EOFError, OSError):
        os._exit(1)


def _sender(connection: Connection) -> Callable[[Message], None]:
    """Sends whole messages, whichever thread they come from."""
    one_at_a_time = threading.Lock()

    def send(message: Message) -> None:
        content = message.model_dump_json().encode()
        with one_at_a_time:
            connection.send_bytes(content)

    return send
