"""One process of `benchmarks.fleet`: workers as they are deployed, but for what trains, and for the broker."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from jobs import lifecycle, placement, recording
from jobs.delivery import BrokerState
from jobs.fence import Claim
from logs import configure_logging
from models import Database
from settings import Settings
from storage import StoredFile
from training.metrics import RunFacts
from worker import worker
from worker.messages import Devices, Order
from worker.recorder import Recorder
from worker.worker import Worker

FACTS = RunFacts(
    device="cpu",
    precision="fp32",
    torch_version="2",
    threads=1,
    parameters=1,
    flops=1,
    classes=10,
    image_size=8,
    channels=1,
    train_images=1437,
    test_images=360,
    steps_per_epoch=12,
)


@dataclass
class Counts:
    """What the workers of a process have done."""

    claims: int = 0
    in_vain: int = 0  # looks while there was work, and claims of what another worker had got before
    lock: threading.Lock = field(default_factory=threading.Lock)

    def counting(self, ask: Callable[..., Any], *, claims: bool) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            found = ask(*arguments, **options)
            with self.lock:
                self.in_vain += found is None
                self.claims += claims and found is not None
            return found

        return counted


class NoMessages:
    """Workers that nobody tells anything: they find their work by themselves."""

    def send(self, _job_id: str) -> bool:
        """To nobody."""
        return True

    def forward(self, _job_id: str, _devices: Sequence[str], _times: int) -> bool:
        """To nobody."""
        return True

    def state(self) -> BrokerState:
        """As ever."""
        return "ok"


class NoTrainer:
    """In place of `worker.supervisor.Supervisor`: what an attempt writes that has nothing to train."""

    def __init__(self, claim: Claim, _recorder: Recorder, **_settings: object) -> None:
        self._claim = claim

    def run(self, _order: Order) -> None:
        """Begin and succeed."""
        with DATABASE[0].session() as session:
            recording.record_start(session, self._claim, FACTS)
        with DATABASE[0].session() as session:
            lifecycle.settle_success(session, self._claim, StoredFile(f"{self._claim.job_id}/weights", 1, "0" * 64))


DATABASE: list[Database] = []  # of this process


@dataclass(frozen=True)
class Orders:
    """What a process is told, from its start on."""

    url: str
    folder: Path
    names: Sequence[str]  # of its workers
    begin: Barrier  # of all processes and of whoever started them
    end: Event


def claim_and_finish(orders: Orders, told: Connection) -> None:
    """Have workers do what there is to do until the end; then send how many claims they made, and how many in vain."""
    made, counts = _workers(orders), Counts()
    vars(worker)["Supervisor"] = NoTrainer
    lifecycle.claim = counts.counting(lifecycle.claim, claims=True)
    placement.next_job = counts.counting(placement.next_job, claims=False)
    orders.begin.wait()
    threads = [threading.Thread(target=each.run_job, args=("job_none",)) for each in made]
    for thread in threads:
        thread.start()
    orders.end.wait()
    told.send((counts.claims, counts.in_vain))
    for each in made:
        each._draining.set()
    for thread in threads:
        thread.join()


def be_idle(orders: Orders, _told: Connection) -> None:
    """Have workers be there until the end."""
    with ExitStack() as stack:
        for each in _workers(orders):
            stack.enter_context(each.present())
        orders.begin.wait()
        orders.end.wait()


def _workers(orders: Orders) -> list[Worker]:
    configure_logging("warning", "logfmt")
    database = Database(orders.url, connections=max(5, len(orders.names) // 4))
    DATABASE.append(database)
    settings = Settings(data_dir=orders.folder, worker_slots=1)
    nothing = Devices(names=(), torch_version="2")
    made = [Worker(name, settings, database, NoMessages(), nothing) for name in orders.names]
    for each in made:
        each.readiness.check()
    return made
