"""Estimates memory and duration of a job before it runs, from the network's plan and from earlier jobs' measurements.

Each estimate has a lower and an upper bound, and names its basis. Where nothing is known, the estimate is None, with
the reason.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Literal, Self

from jobs.measured import Run, data_shape, recent_runs
from jobs.placement import CPU, Needs, fitting
from jobs.workers import connected
from models import ProjectSession
from training.batching import images_per_step, steps_per_epoch
from training.metrics import Precision
from training.plan import NetworkPlan, count_flops, count_parameters, network_plan
from training.plan.memory import Memory, estimate_memory
from training.spec import DataShape, ResolvedSpec
from training.spec.part import Conflict

# counted: from the plan alone. same_network: measured in runs of the same network with like steps. other_networks:
# measured in runs of other networks, and scaled by FLOPs.
Basis = Literal["counted", "same_network", "other_networks"]

# The bounds of a counted memory. On a CPU, it was within 5 % of the measured peak of tensors, for networks, batches and
# optimizers of every kind. On a GPU, libraries add workspaces, whose size no plan contains.
COUNTED_LOW, COUNTED_HIGH, WORKSPACES = 0.9, 1.25, 256 * 2**20

# How far the next run may lie outside the range of those measured. On a CPU it is more: other programs use it, too.
SPREAD, CPU_SPREAD = 0.2, 0.5

# A device's speed in FLOPs differs from network to network, the more they differ in size: small ones are limited by
# memory bandwidth and by kernel launches.
OTHER_NETWORK, SIZE_EXPONENT = 1.5, 0.5
AS_NEAR = math.log(2)  # runs whose size differs by no more than this from the nearest one's count as near

NEWEST = 10  # runs that are used: older ones may come from a machine that has changed since

# The time of an evaluated image, as a share of a training image's: a forward pass is a third of the work. Used if no
# run has measured it.
EVALUATION_SHARE = 1 / 3

LARGEST_BATCH_RATIO = 2.0  # between runs whose steps count as alike


@dataclass(frozen=True, slots=True)
class Span:
    """A number that is not known exactly: most likely `expected`, and rarely outside of `low` to `high`."""

    low: float
    expected: float
    high: float

    def map(self, factor: float) -> "Span":
        """The span, multiplied by `factor`."""
        return Span(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """The peak memory of one device."""

    total: Span  # bytes
    parts: Memory
    precision: Precision  # that is assumed: if the spec says auto, the one that takes the most memory
    basis: Basis
    runs: int  # the number of runs that it was measured in


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a kind of device would train, and how long that takes."""

    images_per_second: Span
    epoch_seconds: Span
    total_seconds: Span
    basis: Basis
    runs: int  # the number of runs that it was measured in


@dataclass(frozen=True, slots=True)
class DeviceEstimate:
    """A kind of device that fits the job."""

    device: str
    workers: int  # connected ones that have it
    pace: Pace | None
    reason: str | None  # why there is no pace


@dataclass(frozen=True, slots=True)
class Estimate:
    """All estimates of a job."""

    data: DataShape | None
    parameters: int | None = None
    flops: int | None = None
    steps_per_epoch: int | None = None
    memory: MemoryEstimate | None = None
    devices: Sequence[DeviceEstimate] = ()
    conflicts: Sequence[Conflict] = ()  # between spec and data, for which a worker would refuse the job
    unknown: str | None = None  # why `data` is unknown, and with it everything that depends on it


def estimate(session: ProjectSession, spec: ResolvedSpec, needs: Needs) -> Estimate:
    """Estimates for a job of `spec` that asks for `needs`."""
    data, runs = data_shape(session, spec), recent_runs(session, spec.architecture.name)
    kinds = _kinds(session, needs, runs)
    if data is None:
        reason = (
            f"How many images and classes {spec.dataset!r} has, and how large its images are at this image_size, is "
            "known once a job of the project has loaded it so."
        )
        return Estimate(
            None, devices=[DeviceEstimate(name, count, None, reason) for name, count in kinds.items()], unknown=reason
        )
    job = _Work.of_spec(spec, data)
    return Estimate(
        data,
        parameters=count_parameters(job.plan),
        flops=job.flops,
        steps_per_epoch=steps_per_epoch(spec.batch_size, job.train_images),
        memory=_memory(job, runs),
        devices=[_on_device(job, runs, name, count) for name, count in kinds.items()],
        conflicts=[*spec.conflicts_with(data)],
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What a job computes: one that has run, or one that is estimated."""

    spec: ResolvedSpec
    plan: NetworkPlan
    train_images: int  # without the validation split
    evaluated_images: int  # in an epoch that is evaluated
    resident: bool  # the data set lies on the device

    @classmethod
    def of_spec(cls, spec: ResolvedSpec, data: DataShape) -> Self:
        validation = spec.held_out_images(data.train_images)
        plan = network_plan(spec.architecture, data.image_size, data.channels, data.classes)
        resident = spec.placement != "streamed"
        return cls(spec, plan, data.train_images - validation, data.test_images + validation, resident)

    @classmethod
    def of_run(cls, run: Run) -> Self:
        facts = run.facts
        plan = network_plan(run.spec.architecture, facts.image_size, facts.channels, facts.classes)
        evaluated = facts.test_images + facts.validation_images
        return cls(run.spec, plan, facts.train_images, evaluated, facts.placement == "resident")

    @property
    def flops(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return count_flops(self.plan)

    @property
    def load(self) -> float:
        """FLOPs of one training image on one device, to compare with another work's: several devices share them."""
        return self.flops * (2 if self.spec.optimizer.sam else 1) / self.spec.devices

    @property
    def batch(self) -> int:
        """Images in a step."""
        return images_per_step(self.spec.batch_size, self.train_images)

    @property
    def precision(self) -> Precision:
        """The precision that takes the most memory, of those that a worker may try."""
        return "fp32" if self.spec.precision == "auto" else self.spec.precision

    def memory(self, precision: Precision) -> Memory:
        """Memory according to the plan."""
        images = self.train_images + self.evaluated_images if self.resident else 0
        return estimate_memory(self.plan, self.spec, precision, train_images=self.train_images, resident_images=images)

    def steps_like(self, other: Self) -> bool:
        """Whether an image takes as long as in `other` on the same device."""
        mine, theirs = (
            (
                *(work.spec.architecture, work.plan.image_size, work.spec.devices, work.spec.optimizer.sam is None),
                *(work.spec.precision, work.spec.compile, work.spec.deterministic),
            )
            for work in (self, other)
        )
        ratio = self.batch / other.batch
        return mine == theirs and 1 / LARGEST_BATCH_RATIO <= ratio <= LARGEST_BATCH_RATIO


def _kinds(session: ProjectSession, needs: Needs, runs: Sequence[Run]) -> Mapping[str, int]:
    """Names of devices that fit the job, and how many connected workers have each. If no worker has one, the device of
    the latest run that fits, with 0."""
    workers = [worker for worker in connected(session) if not worker.draining_at]
    names = [{worker.devices[places[0]] for places in fitting(needs, worker.devices)} for worker in workers]
    found = Counter(name for each in names for name in each)
    ran = (run.facts.device for run in runs if fitting(needs, [run.facts.device] * needs.devices))
    return found or dict.fromkeys(islice(ran, 1), 0)


def _memory(job: _Work, runs: Sequence[Run]) -> MemoryEstimate:
    """If the same network has run on a GPU, the plan is corrected by the ratio that was measured there."""
    counted = job.memory(job.precision)
    ratios = [
        run.device_memory_bytes / work.memory(work.precision).total
        for run in runs
        if run.device_memory_bytes and run.spec.architecture == job.spec.architecture and (work := _Work.of_run(run))
    ]
    if ratios:
        total = _widened(ratios, SPREAD).map(counted.total)
        return MemoryEstimate(total, counted, job.precision, "same_network", len(ratios))
    least = job.memory("bf16") if job.spec.precision == "auto" else counted  # a short run tries bf16 only
    high = counted.total * COUNTED_HIGH + WORKSPACES
    total = Span(least.total * COUNTED_LOW, counted.total, high)
    return MemoryEstimate(total, counted, job.precision, "counted", 0)


def _on_device(job: _Work, runs: Sequence[Run], device: str, workers: int) -> DeviceEstimate:
    measured = [(run, _Work.of_run(run)) for run in runs if run.facts.device.lower() == device.lower()]
    if not measured:
        reason = f"No job of the project has been measured on {device} lately."
        return DeviceEstimate(device, workers, None, reason)
    spread = CPU_SPREAD if device == CPU else SPREAD
    if alike := [(run, work) for run, work in measured if work.steps_like(job)][:NEWEST]:
        rate = _widened([run.images_per_second for run, _ in alike], spread)
        return DeviceEstimate(device, workers, _pace(job, rate, "same_network", alike), None)
    nearest = min(abs(math.log(work.load / job.load)) for _, work in measured) + AS_NEAR
    near = [(run, work) for run, work in measured if abs(math.log(work.load / job.load)) <= nearest][:NEWEST]
    rate = _widened([run.images_per_second * work.load / job.load for run, work in near], spread)
    factor = OTHER_NETWORK * math.exp(SIZE_EXPONENT * nearest)
    rate = Span(rate.low / factor, rate.expected, rate.high * factor)
    return DeviceEstimate(device, workers, _pace(job, rate, "other_networks", near), None)


def _pace(job: _Work, rate: Span, basis: Basis, runs: Sequence[tuple[Run, _Work]]) -> Pace:
    epochs, interval = job.spec.epochs, job.spec.evaluation_interval
    evaluations = epochs // interval + (epochs % interval > 0)
    evaluation = _evaluation_share(runs) * job.evaluated_images
    images = epochs * job.train_images + evaluations * evaluation
    seconds = Span(1 / rate.high, 1 / rate.expected, 1 / rate.low)
    return Pace(rate, seconds.map(job.train_images + evaluation), seconds.map(images), basis, len(runs))


def _evaluation_share(runs: Sequence[tuple[Run, _Work]]) -> float:
    """The time of an evaluated image, as a share of a training image's."""
    shares = [
        (run.seconds * run.images_per_second - work.train_images) / work.evaluated_images
        for run, work in runs
        if run.evaluated
    ]
    sensible = [share for share in shares if 0 < share < math.inf]  # an epoch that was resumed has trained a part of it
    return median(sensible) if sensible else EVALUATION_SHARE


def _widened(measured: Sequence[float], spread: float) -> Span:
    """From the lowest to the highest of `measured`, widened by `spread` on both sides."""
    return Span(min(measured) * (1 - spread), median(measured), max(measured) * (1 + spread))
