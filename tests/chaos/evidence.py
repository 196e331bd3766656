"""What a run leaves behind, gathered once for the judge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from jobs import garbage
from models import Checkpoint, Epoch, Job, JobStatus, Step, TrainedModel
from storage import Storage, StoredFile
from tests.chaos import contract, history
from tests.chaos.client import Heard
from tests.chaos.deployment import CANARIES, Deployment
from tests.chaos.history import Write
from tests.chaos.log_rules import unexpected
from tests.chaos.pulse import Beat, Pulse
from tests.chaos.reader import Reader, Seen
from tests.chaos.reference import Place, References
from tests.chaos.watcher import Told, Watchers
from tests.chaos.workload import Ticket, Workload
from training.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class FinalJob:
    """A job as it stands in the end."""

    id: str
    name: str | None
    status: str
    error: str | None
    planned_epochs: int
    epochs: tuple[int, ...]
    weights: StoredFile | None
    checkpoints: tuple[StoredFile, ...]
    left: tuple[StoredFile, ...] = ()  # of its trained model: predictions and weights
    reached: tuple[int, int] | None = None  # epoch and step that would have been next, by the steps that are stored


@dataclass(frozen=True, slots=True)
class Aimed:
    """A fault that was aimed, and whether it has hit anything."""

    kind: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is judged."""

    writes: Sequence[Write]
    jobs: Sequence[FinalJob]
    files: Mapping[str, str]  # in the storage, after garbage collection: name and SHA-256
    damaged: frozenset[str]  # checkpoints that a fault has changed
    tickets: Sequence[Ticket]
    seen: Sequence[Seen]
    told: Sequence[Told]
    references: Mapping[int, str]  # SHA-256 of the weights that each variant's spec comes to without faults
    part_way: Mapping[Place, str]  # the same of runs that stop where jobs were stopped, or had used up their time
    faults: Sequence[Aimed]
    beats: Sequence[Beat]
    slots: int  # of each worker
    quota: int | None  # how many jobs may run at once
    internal_errors: Sequence[str]  # that clients were answered with
    repeated: Mapping[int, int]  # how many answers clients repeated a request after, by status
    logged: Sequence[str]  # lines of the programs' logs that no fault explains
    leaks: Sequence[str]
    problems: Sequence[str]  # of clients, and of the service's end


@dataclass(frozen=True, slots=True)
class Clients:
    """All who were at work or looked on."""

    workload: Workload
    reader: Reader
    watchers: Watchers
    heard: Heard
    pulse: Pulse

    def stop(self) -> None:
        """All but the pulse, which goes on while the service drains."""
        self.workload.stop()
        self.reader.stop()
        self.watchers.stop()


def gather(
    deployment: Deployment,
    clients: Clients,
    faults: Sequence[Aimed],
    references: References,
    undrained: Sequence[str],
) -> Evidence:
    """Once the service has drained: nobody writes any more."""
    workload, reader, watchers = clients.workload, clients.reader, clients.watchers
    storage_folder = deployment.data / contract.STORAGE_FOLDER
    garbage.collect_all(deployment.database, Storage(f"file://{storage_folder}"))
    with deployment.database.snapshot() as session:
        writes, jobs = history.read(session), list(_jobs(session))
    return Evidence(
        writes=writes,
        jobs=jobs,
        files=dict(_files(storage_folder)),
        damaged=frozenset(deployment.damaged),
        tickets=workload.tickets,
        seen=tuple(reader.seen),
        told=tuple(watchers.told),
        references=references.sha256(),
        part_way=references.part_way(set(_places(workload.tickets, jobs))),
        faults=tuple(faults),
        beats=tuple(clients.pulse.beats),
        slots=deployment.size.slots,
        quota=deployment.size.quota,
        internal_errors=tuple(clients.heard.internal_errors),
        repeated=dict(clients.heard.repeated),
        logged=tuple(_logged(deployment)),
        leaks=tuple(_leaks(deployment)),
        problems=(
            *workload.problems,
            *reader.problems,
            *watchers.problems,
            *(f"{name} did not end by itself when it was told to" for name in undrained),
        ),
    )


def _jobs(session: Session) -> Iterator[FinalJob]:
    for job in session.scalars(select(Job).order_by(Job.id)):
        checkpoints = session.scalars(select(Checkpoint).where(Checkpoint.job_id == job.id))
        last = select(Step.epoch, Step.step).where(Step.job_id == job.id).order_by(Step.epoch.desc(), Step.step.desc())
        epochs = tuple(session.scalars(select(Epoch.epoch).where(Epoch.job_id == job.id).order_by(Epoch.epoch)))
        yield FinalJob(
            id=job.id,
            name=job.name,
            status=job.status,
            error=None if job.error is None else f"{job.error['code']}: {job.error['message']}",
            planned_epochs=TrainingSpec.from_stored(job.spec).epochs,
            epochs=epochs,
            weights=None if job.weights is None else StoredFile(**job.weights),
            checkpoints=tuple(StoredFile(row.name, row.size_bytes, row.sha256) for row in checkpoints),
            left=tuple(_left(session, job)),
            reached=_reached(session.execute(last.limit(1)).first(), epochs),
        )


def _left(session: Session, job: Job) -> Iterator[StoredFile]:
    if job.predictions is not None:
        yield StoredFile(**job.predictions)
    for files in session.scalars(select(TrainedModel.files).where(TrainedModel.job_id == job.id)):
        yield from (StoredFile(**each["file"]) for each in files)


def _reached(last: Row[int, int] | None, epochs: Sequence[int]) -> tuple[int, int] | None:
    """The place behind the last step that is stored."""
    if last is None:
        return None
    epoch, step = last
    return (epoch + 1, 0) if epoch in epochs else (epoch, step + 1)


def _places(tickets: Sequence[Ticket], jobs: Sequence[FinalJob]) -> Iterator[Place]:
    """Of jobs that have weights, and not those of their whole run."""
    variants = {ticket.job_id: ticket.planned.variant for ticket in tickets}
    for job in jobs:
        if job.weights and job.reached and job.status != JobStatus.SUCCEEDED and job.id in variants:
            yield (variants[job.id], *job.reached)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), sha256(path.read_bytes()).hexdigest()


def _logged(deployment: Deployment) -> Iterator[str]:
    for path in sorted(deployment.logs.iterdir()):
        yield from unexpected(path.stem, path.read_text(errors="replace"))


def _leaks(deployment: Deployment) -> Iterator[str]:
    """In words, without the secret."""
    logs = {f"log: {path.name}": path.read_bytes() for path in deployment.logs.iterdir()}
    for place, content in {**logs, **deployment.dumps()}.items():
        for secret, canary in CANARIES.items():
            if canary.encode() in content:
                yield f"{secret} stands in {place}"
