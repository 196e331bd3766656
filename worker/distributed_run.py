"""One job on several devices: a process for each, under torch's own elastic launcher.

The launcher runs in the trainer process and forks the team from it, so that torch is imported already. The first
process of the team reports. The others send only Failed and Alive.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from torch import distributed
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from jobs.failures import Failure
from training.parent_death_signal import die_with_parent
from worker.failure_causes import explain
from worker.messages import REPORTS, Alive, Failed, Order, Report
from worker.process_exits import OomKills
from worker.training_run import ReadCommand, train

# How often the launcher checks whether a process has ended.
MONITOR_SECONDS = 0.05

# A process that fails because another was killed waits, so that the launcher sees the killed one first.
LAUNCHER_WAIT_SECONDS = 2.0


def train_distributed(order: Order, read_command: ReadCommand, send: Callable[[Report], None]) -> None:
    """Train in `order.spec.devices` processes until they are done, are told to stop, or one of them fails.

    `read_command` must return the same command in each process.
    """
    size, kills = order.spec.devices, OomKills()
    pipes = [get_context("fork").Pipe(duplex=False) for _ in range(size)]
    failures: list[Failed] = []
    relay = threading.Thread(target=_relay, args=([reader for reader, _ in pipes], send, failures))
    relay.start()
    writers = [writer for _, writer in pipes]
    ending, killed = None, True
    try:
        elastic_launch(_config(order, size), _train_as_one)(order, read_command, writers)
    except ChildFailedError as error:
        rank, process = error.get_first_failure()
        ending, killed = (
            kills.explain(f"Process {rank} of the {size} that train together", process.exitcode),
            process.exitcode < 0,
        )
    except Exception as error:  # whatever fails here, the job must report it
        ending = explain(error)
    finally:
        for writer in writers:
            writer.close()
        relay.join()
    if ending:
        send(_cause(failures, ending, killed=killed))


def _config(order: Order, size: int) -> LaunchConfig:
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=size,
        run_id=order.job_id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",  # by the host's name, which need not lead anywhere, it would be found otherwise
        max_restarts=0,  # the job's own attempts are what starts it again
        monitor_interval=MONITOR_SECONDS,
        start_method="fork",
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
        shutdown_timeout=1,
        signals_to_handle="SIGUSR2",  # one that nobody sends: what ends the launcher ends its processes with it
    )


def _cause(failures: Sequence[Failed], ending: Failure, *, killed: bool) -> Failed:
    """The failure that a process has reported. `internal` ones do not count if a process was killed: they are its
    consequence."""
    reported = [failure for failure in failures if not (killed and failure.code == "internal")]
    return min(reported, key=lambda failure: failure.code == "internal") if reported else Failed(**asdict(ending))


def _train_as_one(order: Order, read_command: ReadCommand, writers: Sequence[Connection]) -> None:
    """In a process of the team. Exits with 1 where it fails."""
    die_with_parent(signal.SIGKILL)
    rank = int(os.environ["RANK"])
    failures: list[Failed] = []
    one_at_a_time = threading.Lock()

    def send(report: Report) -> None:
        if isinstance(report, Failed):
            failures.append(report)
        if rank == 0 or isinstance(report, Failed | Alive):  # the first may have to wait for the others
            with one_at_a_time:
                writers[rank].send_bytes(report.model_dump_json().encode())

    train(order, read_command, send)
    if not failures:
        distributed.destroy_process_group()
        return
    if failures[0].code == "internal":
        time.sleep(LAUNCHER_WAIT_SECONDS)
    sys.exit(1)


def _relay(readers: Sequence[Connection], send: Callable[[Report], None], failures: list[Failed]) -> None:
    """Pass on the reports of the team, and collect its failures, until every pipe is closed."""
    open_readers = list(readers)
    while open_readers:
        for reader in wait(open_readers):
            assert isinstance(reader, Connection)
            try:
                report = REPORTS.validate_json(reader.recv_bytes())
            except (EOFError, OSError):
                open_readers.remove(reader)
                continue
            if isinstance(report, Failed):
                failures.append(report)
            else:
                send(report)
