"""The faults: each begins, may last for some seconds, and ends."""

import signal
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.chaos import contract
from tests.chaos.damage import damage, newest_checkpoint
from tests.chaos.deployment import Deployment
from tests.chaos.programs import Program, send
from tests.chaos.proxy import Proxy


class Fault(Protocol):
    """One fault of a plan. What `begin` remembers, `end` undoes."""

    @property
    def occupies(self) -> frozenset[str]:
        """Parts of the service that no other fault touches while this one lasts."""

    def begin(self, deployment: Deployment) -> str:
        """Do it; in words, what was done."""

    def end(self, deployment: Deployment) -> None:
        """Undo it, if it is of a kind that ends."""


class Momentary:
    """A fault that is over as soon as it has begun."""

    __slots__ = ()

    def end(self, deployment: Deployment) -> None:
        """Nothing lasts."""


@dataclass(slots=True)
class OnWorker(Momentary):
    """A fault of one of the workers, from 0."""

    worker: int

    @property
    def occupies(self) -> frozenset[str]:
        """That worker."""
        return frozenset({f"worker-{self.worker}"})


@dataclass(slots=True)
class KillTrainer(OnWorker):
    """SIGKILL to whatever the worker trains with."""

    def begin(self, deployment: Deployment) -> str:
        """None may be there."""
        pids = deployment.trainers(deployment.workers[self.worker])
        send(pids, signal.SIGKILL)
        return f"kill -9 the trainer of worker-{self.worker}: {pids or 'it has none'}"


@dataclass(slots=True)
class KillForkServer(OnWorker):
    """SIGKILL to the process that trainers are forked from, which they die with."""

    def begin(self, deployment: Deployment) -> str:
        """It is there as soon as the worker is."""
        pid = deployment.fork_server(deployment.workers[self.worker])
        send([pid] if pid else [], signal.SIGKILL)
        return f"kill -9 the fork server of worker-{self.worker}: {pid or 'it has none'}"


@dataclass(slots=True)
class KillWorker(OnWorker):
    """SIGKILL to the worker process, alone or with all that it has started."""

    family: bool

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself."""
        worker = deployment.workers[self.worker]
        if self.family:
            send(worker.family(), signal.SIGKILL)
            return f"kill -9 worker-{self.worker} and all that it has started"
        worker.kill()
        return f"kill -9 worker-{self.worker} alone"


@dataclass(slots=True)
class DrainWorker(OnWorker):
    """SIGTERM, as `docker stop` sends it."""

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself, once it has drained."""
        deployment.workers[self.worker].kill(signal.SIGTERM)
        return f"SIGTERM to worker-{self.worker}"


@dataclass(slots=True)
class StopWorker(OnWorker):
    """SIGSTOP to the worker process, to its trainer, or to all that the worker has started; SIGCONT in the end.

    Where the worker process stops alone, its trainer goes on, and what that reports is written much later.
    """

    what: Literal["process", "trainer", "family"]
    _stopped: list[int] = field(default_factory=list)

    def begin(self, deployment: Deployment) -> str:
        """There may be no trainer."""
        worker = deployment.workers[self.worker]
        match self.what:
            case "process":
                self._stopped = [worker.pid] if worker.pid else []
            case "trainer":
                self._stopped = deployment.trainers(worker)
            case "family":
                self._stopped = list(worker.family())
        send(self._stopped, signal.SIGSTOP)
        return f"SIGSTOP the {self.what} of worker-{self.worker}: {self._stopped or 'there is none'}"

    def end(self, deployment: Deployment) -> None:
        """Those that still live go on."""
        send(self._stopped, signal.SIGCONT)


@dataclass(slots=True)
class KillApi(Momentary):
    """SIGKILL to the API."""

    occupies = frozenset({"api"})

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself."""
        deployment.api.kill()
        return "kill -9 the API"


@dataclass(slots=True)
class StopApi:
    """SIGSTOP to the API; SIGCONT in the end."""

    occupies = frozenset({"api"})

    def begin(self, deployment: Deployment) -> str:
        """It holds its connections and says nothing."""
        deployment.api.kill(signal.SIGSTOP)
        return "SIGSTOP the API"

    def end(self, deployment: Deployment) -> None:
        """It goes on."""
        deployment.api.kill(signal.SIGCONT)


@dataclass(slots=True)
class FlushBroker(Momentary):
    """FLUSHALL: every message is gone."""

    occupies = frozenset({"broker"})

    def begin(self, deployment: Deployment) -> str:
        """The broker itself lives on."""
        with deployment.broker_client() as client:
            client.flushall()
        return "FLUSHALL"


@dataclass(slots=True)
class BrokerGone:
    """SIGKILL to the broker, which stays down until the end."""

    occupies = frozenset({"broker"})

    def begin(self, deployment: Deployment) -> str:
        """Its socket is refused from now on."""
        deployment.broker.end(0.0, signal.SIGKILL)
        return "kill -9 the broker, which stays down"

    def end(self, deployment: Deployment) -> None:
        """It starts, and reads its file."""
        deployment.broker.start()


@dataclass(slots=True)
class DatabaseGone:
    """PostgreSQL's immediate shutdown; it stays down until the end, then recovers from its log."""

    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """Whoever is connected loses the connection."""
        _database(deployment).end(10.0, signal.SIGQUIT)
        return "PostgreSQL shuts down immediately and stays down"

    def end(self, deployment: Deployment) -> None:
        """It starts."""
        _database(deployment).start()


@dataclass(slots=True)
class NetworkFails:
    """The connections to database or broker are cut and refused, or stay open and carry nothing."""

    of: Literal["database", "broker"]
    frozen: bool

    @property
    def occupies(self) -> frozenset[str]:
        """What nobody reaches meanwhile."""
        return frozenset({self.of})

    def begin(self, deployment: Deployment) -> str:
        """For every program at once."""
        proxy = self._proxy(deployment)
        if self.frozen:
            proxy.freeze()
        else:
            proxy.cut()
        return f"the network to the {self.of} is {'frozen' if self.frozen else 'cut'}"

    def end(self, deployment: Deployment) -> None:
        """What was frozen arrives now."""
        self._proxy(deployment).restore()

    def _proxy(self, deployment: Deployment) -> Proxy:
        proxy = deployment.database_proxy if self.of == "database" else deployment.broker_proxy
        assert proxy
        return proxy


@dataclass(slots=True)
class FullDisk:
    """Not a page more fits on the disk of checkpoints and weights."""

    occupies = frozenset({"disk"})

    def begin(self, deployment: Deployment) -> str:
        """What is being written fails."""
        deployment.disk.fill()
        return "the storage's disk is full"

    def end(self, deployment: Deployment) -> None:
        """There is room again."""
        deployment.disk.free()


@dataclass(slots=True)
class DamageCheckpoint(Momentary):
    """The newest checkpoint has a byte changed, or its end cut off; then each trainer is killed, so that it is read."""

    cut_off: bool
    occupies = frozenset({"worker-0", "worker-1"})

    def begin(self, deployment: Deployment) -> str:
        """There may be none yet."""
        storage = deployment.data / contract.STORAGE_FOLDER
        newest = newest_checkpoint(storage)
        if newest is None:
            return "no checkpoint to damage"
        name = str(newest.relative_to(storage))
        deployment.damaged.add(name)
        damage(newest, cut_off=self.cut_off)
        for worker in deployment.workers:
            send(deployment.trainers(worker), signal.SIGKILL)
        return f"{name} is {'cut off' if self.cut_off else 'changed in one byte'}, and each trainer killed"


@dataclass(slots=True)
class KillEverything:
    """SIGKILL to every program at once, servers too; everything starts again in the end."""

    occupies = frozenset({"worker-0", "worker-1", "api", "broker", "database"})

    def begin(self, deployment: Deployment) -> str:
        """None is up until the end."""
        for program in deployment.programs:
            program.hold_down()
        send([pid for program in deployment.programs for pid in program.family()], signal.SIGKILL)
        return "kill -9 everything at once"

    def end(self, deployment: Deployment) -> None:
        """Servers first, though nobody waits for them."""
        for program in deployment.programs:
            program.start()


def _database(deployment: Deployment) -> Program:
    assert deployment.database_program
    return deployment.database_program
