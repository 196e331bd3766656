"""The trainer process: an order in, reports out over a pipe. The only door to torch.

It runs in a child of a fork server that has imported `training.trainer` already, so it starts in milliseconds.
It ends when its supervisor closes the pipe, or dies.
"""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection

from worker.lifeline import die_with_parent
from worker.messages import (
    STOP,
    Devices,
    EpochDone,
    Failed,
    Message,
    Order,
    Report,
    Started,
    StepDone,
    Stopped,
    Succeeded,
)

# Imported by the fork server, once, for all trainer processes: whatever a trainer imports by itself delays every job.
PRELOAD = [
    "worker.trainer_process",
    "training.trainer",
    "torch._dynamo",  # which building an optimizer imports, in seconds
]


def run(connection: Connection, order: bytes) -> None:
    """Train as `order` (an Order as JSON) says, reporting over `connection`."""
    _detach()
    stop = threading.Event()
    threading.Thread(target=_obey, args=(connection, stop), daemon=True).start()
    for report in _reports(Order.model_validate_json(order), stop):
        _send(connection, report)


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


def _obey(connection: Connection, stop: threading.Event) -> None:
    """Wait for the supervisor's word; without a supervisor there is nothing to train for."""
    try:
        while connection.recv_bytes() == STOP:
            stop.set()
    except (EOFError, OSError):
        os._exit(1)


def _reports(order: Order, stop: threading.Event) -> Iterator[Report]:
    try:
        yield from _train(order, stop)
    except Exception as error:  # whatever a trainer dies of, its job must say so
        failed = _explain(error)
        if failed.code == "internal":
            sys.stderr.write(f"trainer of {order.job_id} failed\n{traceback.format_exc()}")
        yield failed


def _train(order: Order, stop: threading.Event) -> Iterator[Report]:
    import torch

    from training.data import load_dataset
    from training.metrics import StepMetrics
    from training.trainer import Trainer

    torch.set_num_threads(order.threads)
    dataset = load_dataset(
        order.spec.dataset,
        image_size=order.spec.image_size,
        datasets_dir=order.datasets_dir,
        downloads_dir=order.downloads_dir,
    )
    trainer = Trainer(order.spec, dataset, order.device)
    yield Started(facts=trainer.facts)
    trained = 0
    for metrics in trainer.epochs(stop.is_set):
        if isinstance(metrics, StepMetrics):
            yield StepDone(metrics=metrics)
        else:
            yield EpochDone(metrics=metrics)
            trained += 1
    # Not what was asked: a word that comes during the last evaluation takes no success away.
    yield Succeeded() if trained == order.spec.epochs else Stopped()


def _explain(error: Exception) -> Failed:
    """The failure in the words of the person who submitted the job."""
    import torch

    from training.data import DatasetInvalid
    from training.trainer import Diverged, SpecConflict

    match error:
        case DatasetInvalid():
            return Failed(code="dataset_invalid", message=error.detail, hint=error.hint, retryable=False)
        case SpecConflict():
            hint = f"Change spec.{'.'.join(error.path)}, or take another data set."
            return Failed(code="dataset_invalid", message=f"{error}.", hint=hint, retryable=False)
        case Diverged():
            hint = "Lower spec.optimizer.learning_rate, or raise spec.schedule.warmup_epochs."
            return Failed(code="diverged", message=str(error), hint=hint, retryable=False)
        case MemoryError() | torch.OutOfMemoryError():
            return _out_of_memory()
        case RuntimeError() if "can't allocate memory" in str(error):  # torch's allocator on a CPU
            return _out_of_memory()
        case OSError(errno=errno.ENOSPC):
            hint = "Free space where EPOCHAL_DATA_DIR lies; then submit the job again."
            return Failed(code="storage_full", message="The worker's disk is full.", hint=hint, retryable=True)
        case _:
            summary = f"{type(error).__name__}: {error}".splitlines()[0]
            hint = "This is a fault of the service: its worker's log has the whole of it, under the job's id."
            return Failed(code="internal", message=f"The trainer failed with {summary}", hint=hint, retryable=True)


def _out_of_memory() -> Failed:
    return Failed(
        code="out_of_memory",
        message="The device's memory does not hold this job.",
        hint="Lower spec.batch_size or spec.image_size, or take a smaller spec.architecture.",
        retryable=False,
    )


def _send(connection: Connection, message: Message) -> None:
    connection.send_bytes(message.model_dump_json().encode())
