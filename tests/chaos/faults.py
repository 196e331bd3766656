"""The faults: each begins, may last for some seconds, and ends."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import redis

from tests.chaos import contract
from tests.chaos.damage import damage, newest_checkpoint
from tests.chaos.deployment import MOST_WORKERS, Deployment
from tests.chaos.programs import Program, send

WORKERS = frozenset(f"worker-{number}" for number in range(MOST_WORKERS))


class Missed(Exception):
    """The fault has hit nothing, and so has not happened: why, in words."""


class Fault(Protocol):
    """One fault of a plan. What `begin` remembers, `end` undoes."""

    @property
    def occupies(self) -> frozenset[str]:
        """Parts of the service that no other fault touches while this one lasts."""

    def begin(self, deployment: Deployment) -> str:
        """Do it; in words, what was done. Raises Missed where there is nothing to hit."""

    def aim_again(self, deployment: Deployment) -> None:
        """After a miss: at another worker, where it is of one."""

    def end(self, deployment: Deployment) -> None:
        """Undo it, if it is of a kind that ends."""


class Fixed:
    """A fault that has one target only."""

    __slots__ = ()

    def aim_again(self, deployment: Deployment) -> None:
        """It may be there later."""


class Momentary(Fixed):
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

    def aim_again(self, deployment: Deployment) -> None:
        """At the next worker."""
        self.worker = (self.worker + 1) % len(deployment.workers)

    def _busy(self, deployment: Deployment) -> Program:
        """The worker. Raises Missed where it trains nothing: then there is no attempt to lose."""
        worker = deployment.workers[self.worker % len(deployment.workers)]
        if not deployment.trainers(worker):
            raise Missed(f"{worker.name} trains nothing")
        return worker


@dataclass(slots=True)
class KillTrainer(OnWorker):
    """SIGKILL to whatever the worker trains with."""

    def begin(self, deployment: Deployment) -> str:
        """The worker lives on."""
        worker = self._busy(deployment)
        return f"kill -9 the trainers of {worker.name}: {_sent(deployment.trainers(worker), signal.SIGKILL)}"


@dataclass(slots=True)
class KillForkServer(OnWorker):
    """SIGKILL to the process that trainers are forked from, which they die with."""

    def begin(self, deployment: Deployment) -> str:
        """It is there as soon as the worker is."""
        worker = self._busy(deployment)
        pid = deployment.fork_server(worker)
        return f"kill -9 the fork server of {worker.name}: {_sent([pid] if pid else [], signal.SIGKILL)}"


@dataclass(slots=True)
class KillWorker(OnWorker):
    """SIGKILL to the worker process, alone or with all that it has started."""

    family: bool

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself."""
        worker = self._busy(deployment)
        pids = list(worker.family()) if self.family else [worker.pid] if worker.pid else []
        _sent(pids, signal.SIGKILL)
        return f"kill -9 {worker.name} {'and all that it has started' if self.family else 'alone'}"


@dataclass(slots=True)
class DrainWorker(OnWorker):
    """SIGTERM, as `docker stop` sends it."""

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself, once it has drained."""
        worker = self._busy(deployment)
        if not worker.kill(signal.SIGTERM):
            raise Missed(f"{worker.name} does not run")
        return f"SIGTERM to {worker.name}"


@dataclass(slots=True)
class StopWorker(OnWorker):
    """SIGSTOP to the worker process, to its trainer, or to all that the worker has started; SIGCONT in the end.

    Where the worker process stops alone, its trainer goes on, and what that reports is written much later.
    """

    what: Literal["process", "trainer", "family"]
    _stopped: list[int] = field(default_factory=list)

    def begin(self, deployment: Deployment) -> str:
        """Whatever is in the middle of something stays there."""
        worker = self._busy(deployment)
        match self.what:
            case "process":
                self._stopped = [worker.pid] if worker.pid else []
            case "trainer":
                self._stopped = deployment.trainers(worker)
            case "family":
                self._stopped = list(worker.family())
        return f"SIGSTOP the {self.what} of {worker.name}: {_sent(self._stopped, signal.SIGSTOP)}"

    def end(self, deployment: Deployment) -> None:
        """Those that still live go on."""
        send(self._stopped, signal.SIGCONT)


@dataclass(slots=True)
class KillApi(Momentary):
    """SIGKILL to the API."""

    occupies = frozenset({"api"})

    def begin(self, deployment: Deployment) -> str:
        """It starts again by itself."""
        if not deployment.api.kill():
            raise Missed("the API does not run")
        return "kill -9 the API"


@dataclass(slots=True)
class StopApi(Fixed):
    """SIGSTOP to the API; SIGCONT in the end."""

    occupies = frozenset({"api"})

    def begin(self, deployment: Deployment) -> str:
        """It holds its connections and says nothing."""
        if not deployment.api.kill(signal.SIGSTOP):
            raise Missed("the API does not run")
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
        try:
            with deployment.broker_client() as client:
                client.flushall()
        except redis.RedisError as error:
            raise Missed("the broker does not answer") from error
        return "FLUSHALL"


@dataclass(slots=True)
class BrokerGone(Fixed):
    """SIGKILL to the broker, which stays down until the end."""

    occupies = frozenset({"broker"})

    def begin(self, deployment: Deployment) -> str:
        """Its socket is refused from now on."""
        if deployment.broker.pid is None:
            raise Missed("the broker does not run")
        deployment.broker.end(0.0, signal.SIGKILL)
        return "kill -9 the broker, which stays down"

    def end(self, deployment: Deployment) -> None:
        """It starts, and reads its file."""
        deployment.broker.start()


@dataclass(slots=True)
class DamageCheckpoint(Momentary):
    """The newest checkpoint has a byte changed, or its end cut off; then each trainer is killed, so that it is read."""

    cut_off: bool
    occupies = WORKERS

    def begin(self, deployment: Deployment) -> str:
        """What was read from it before is in memory still, hence the kills."""
        storage = deployment.data / contract.STORAGE_FOLDER
        newest = newest_checkpoint(storage)
        if newest is None:
            raise Missed("there is no checkpoint to damage")
        name = str(newest.relative_to(storage))
        deployment.damaged.add(name)
        damage(newest, cut_off=self.cut_off)
        for worker in deployment.workers:
            send(deployment.trainers(worker), signal.SIGKILL)
        return f"{name} is {'cut off' if self.cut_off else 'changed in one byte'}, and each trainer killed"


@dataclass(slots=True)
class KillEverything(Fixed):
    """SIGKILL to every program at once, servers too; everything starts again in the end."""

    occupies = WORKERS | {"api", "broker", "database"}

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


def _sent(pids: Sequence[int], number: signal.Signals) -> list[int]:
    """Those that the signal has reached. Raises Missed where there is none."""
    reached = send(pids, number)
    if not reached:
        raise Missed("no such process")
    return reached
