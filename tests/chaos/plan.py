"""What happens when: drawn from the seed alone, before anything runs."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Literal

from tests.chaos.contract import LEASE_SECONDS, Backend, Verb
from tests.chaos.deployment import MOST_WORKERS, Size
from tests.chaos.faults import (
    BrokerGone,
    DamageCheckpoint,
    DrainWorker,
    Fault,
    FlushBroker,
    KillApi,
    KillEverything,
    KillForkServer,
    KillTrainer,
    KillWorker,
    StopApi,
    StopWorker,
)
from tests.chaos.ground_faults import (
    DatabaseGone,
    FewConnections,
    FullDatabaseDisk,
    FullDisk,
    NetworkFails,
    OtherSchema,
    ReadOnlyDatabase,
)
from training.spec import TrainingSpec

FIRST_FAULT_SECONDS = 1.0
GAP_SECONDS = (0.5, 8.0)

# How long a fault lasts: well within a lease, or well beyond it.
SHORT, LONG = (0.4, LEASE_SECONDS / 2 - 0.2), (LEASE_SECONDS + 1.0, LEASE_SECONDS + 5.0)

# Different specs: each is trained once without faults, too.
MOST_VARIANTS = 5
SECONDS_A_VARIANT = 15

OPTIMIZERS = (
    {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    {"name": "adamw", "learning_rate": 0.002},
    {"name": "muon"},
)
REGULARISATIONS: tuple[dict[str, Any], ...] = ({}, {"ema": {}}, {"label_smoothing": 0.1})
AUGMENTATIONS: tuple[dict[str, Any], ...] = ({}, {"crop": {"padding": 1}, "mixup": {}}, {"erasing": {}})
VERBS: tuple[Verb | None, ...] = (None, None, None, None, "cancel", "stop", "pause", "pause")
STOPPED: tuple[Literal["process", "trainer", "family"], ...] = ("process", "process", "family", "trainer")
TIME_LIMITS = (None,) * 9 + (0.03,)
REVISIONS = ("0003", "9999")  # of an earlier release, and of one that is to come
DEVICES = (1, 1, 1, 2)  # that train one job together
MINUTES_BETWEEN_CHECKPOINTS = (0.004, 0.02, None)


TWO_WORKERS = Size(workers=2, slots=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how often it comes, next to the others, and how one is drawn, with how long it lasts."""

    fault: type[Fault]
    weight: int
    draw: Callable[[Random], tuple[Fault, float]]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault, and when it begins and ends, in seconds from the start."""

    at: float
    seconds: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job that a client submits, and what it asks of it later."""

    name: str  # its idempotency key, too
    variant: int
    at_once: int  # how many identical requests are sent together
    verb: Verb | None
    once_it_runs: bool  # the verb waits for that
    verb_after_seconds: float  # after its acceptance, or after it was seen to run
    paused_seconds: float
    time_limit_minutes: float | None = None  # of the job's time with workers


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a run that the seed decides."""

    seed: int
    seconds: float
    backend: Backend
    variants: tuple[TrainingSpec, ...]
    faults: tuple[PlannedFault, ...]
    verb: Verb | None = None  # what every job is asked, in place of what the seed would ask
    in_flight: int = TWO_WORKERS.in_flight  # jobs that have not ended

    def jobs(self) -> Iterator[PlannedJob]:
        """Without end: how many a run comes to is up to the machine."""
        random = Random(f"{self.seed} jobs")
        for number in count():
            drawn, variant = random.choice(VERBS), random.randrange(len(self.variants))
            verb = self.verb or drawn
            # A reference that stops part of the way is trained by one process.
            together = self.variants[variant].devices > 1
            time_limit = random.choice(TIME_LIMITS)
            yield PlannedJob(
                name=f"chaos-{self.seed}-{number:04}",
                variant=variant,
                at_once=random.choice((1, 1, 1, 3)),
                verb="pause" if verb == "stop" and together else verb,
                once_it_runs=random.random() < 0.7,
                verb_after_seconds=random.uniform(0.0, 3.0),
                paused_seconds=random.uniform(0.2, 5.0),
                time_limit_minutes=None if together else time_limit,
            )


def size(seed: int) -> Size:
    """Of the service under test."""
    random = Random(f"{seed} size")
    workers, slots = random.randint(2, MOST_WORKERS), random.choice((1, 2))
    quota = random.choice((None, workers * slots - 1))
    # Mostly so few that a job which loses its worker finds another with a free slot.
    in_flight = max(1, (quota or workers * slots) + random.choice((-1, -1, 2)))
    return Size(workers, slots, in_flight, quota)


def draw(
    seed: int, seconds: float, backend: Backend, *, disk: bool, size: Size = TWO_WORKERS, only: Collection[str] = ()
) -> Plan:
    """`disk`: whether one can be filled. `only`: names of faults to the exclusion of all others. Faults begin within
    `seconds`. Raises ValueError where `only` leaves none."""
    kinds = _kinds(backend, size.workers, only)
    if not kinds:
        raise ValueError(f"{', '.join(only)}: none of these is a fault on {backend}")
    variants = _variants(Random(f"{seed} variants"), round(seconds / SECONDS_A_VARIANT))
    faults = _faults(Random(f"{seed} faults"), seconds, kinds)
    possible = (planned for planned in faults if disk or not isinstance(planned.fault, FullDisk | FullDatabaseDisk))
    return Plan(seed, seconds, backend, variants, tuple(possible), in_flight=size.in_flight)


def _variants(random: Random, wanted: int) -> tuple[TrainingSpec, ...]:
    return tuple(_variant(random) for _ in range(max(2, min(wanted, MOST_VARIANTS))))


def _variant(random: Random) -> TrainingSpec:
    spec: dict[str, Any] = {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": random.randint(3, 12),
        "batch_size": 256,
        "deterministic": True,
        "logging_interval": 1,
        "seed": random.randrange(1000),
        "optimizer": random.choice(OPTIMIZERS),
        "regularisation": random.choice(REGULARISATIONS),
        "augmentation": random.choice(AUGMENTATIONS),
        "devices": random.choice(DEVICES),
        "checkpoints": {"interval": random.choice((1, 1, 3)), "minutes": random.choice(MINUTES_BETWEEN_CHECKPOINTS)},
    }
    return TrainingSpec.model_validate(spec)


def _faults(random: Random, seconds: float, kinds: Sequence[Kind]) -> Iterator[PlannedFault]:
    weights = [kind.weight for kind in kinds]
    at = FIRST_FAULT_SECONDS
    occupied: dict[str, float] = {}  # until when
    while at < seconds:
        fault, lasts = random.choices(kinds, weights)[0].draw(random)
        if all(occupied.get(part, 0.0) <= at for part in fault.occupies):
            yield PlannedFault(at, lasts, fault)
            occupied |= dict.fromkeys(fault.occupies, at + lasts)
        at += random.uniform(*GAP_SECONDS)


def _kinds(backend: Backend, workers: int, only: Collection[str]) -> list[Kind]:
    def _worker(random: Random) -> int:
        return random.randrange(workers)

    kinds = [
        Kind(KillTrainer, 6, lambda random: (KillTrainer(_worker(random)), 0.0)),
        Kind(KillForkServer, 2, lambda random: (KillForkServer(_worker(random)), 0.0)),
        Kind(KillWorker, 4, lambda random: (KillWorker(_worker(random), family=_coin(random)), 0.0)),
        Kind(DrainWorker, 3, lambda random: (DrainWorker(_worker(random)), 0.0)),
        Kind(StopWorker, 7, lambda random: (StopWorker(_worker(random), random.choice(STOPPED)), _stopped(random))),
        Kind(KillApi, 2, lambda _random: (KillApi(), 0.0)),
        Kind(StopApi, 2, lambda random: (StopApi(), _seconds(random))),
        Kind(FlushBroker, 2, lambda _random: (FlushBroker(), 0.0)),
        Kind(BrokerGone, 2, lambda random: (BrokerGone(), _seconds(random))),
        Kind(FullDisk, 3, lambda random: (FullDisk(), _seconds(random))),
        Kind(DamageCheckpoint, 4, lambda random: (DamageCheckpoint(cut_off=_coin(random)), 0.0)),
        Kind(FullDatabaseDisk, 2, lambda random: (FullDatabaseDisk(), _seconds(random))),
        Kind(OtherSchema, 2, lambda random: (OtherSchema(random.choice(REVISIONS)), _seconds(random))),
        Kind(KillEverything, 1, lambda random: (KillEverything(), random.uniform(*SHORT))),
    ]
    if backend == "postgresql":
        kinds = [kind for kind in kinds if kind.fault is not FullDatabaseDisk]  # PostgreSQL's own turns read-only
        kinds += [
            Kind(DatabaseGone, 3, lambda random: (DatabaseGone(), _seconds(random))),
            Kind(ReadOnlyDatabase, 2, lambda random: (ReadOnlyDatabase(), _seconds(random))),
            Kind(FewConnections, 2, lambda random: (FewConnections(), _seconds(random))),
            Kind(NetworkFails, 6, lambda random: (_network(random), _seconds(random))),
        ]
    return [kind for kind in kinds if not only or kind.fault.__name__ in only]


BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")
FAULTS = frozenset(kind.fault.__name__ for backend in BACKENDS for kind in _kinds(backend, MOST_WORKERS, ()))


def _stopped(random: Random) -> float:
    """Mostly long enough for another to take over meanwhile; else too short for anybody to notice."""
    return random.uniform(*random.choice(((1.0, 2.5), (LEASE_SECONDS + 1.0, 2 * LEASE_SECONDS + 6.0))))


def _network(random: Random) -> NetworkFails:
    return NetworkFails(random.choice(("database", "database", "broker")), frozen=_coin(random))


def _coin(random: Random) -> bool:
    return random.random() < 0.5


def _seconds(random: Random) -> float:
    return random.uniform(*random.choice((SHORT, LONG)))
