"""From POST to the first recorded step on an idle worker, and what of it is not loading the data or the step itself.

`python -m benchmarks.start_latency` starts the service, submits jobs and asks for each one's steps until there is one:
first to a worker that has been idle for a moment, then as soon as the job before has ended. What a trainer needs by
itself (load the data, build the network, one step) is measured here too, in a process that has torch imported, with as
many threads.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from benchmarks.result import save
from epochal import Epochal
from serve import running
from settings import Settings
from training.spec import TrainingSpec

SPEC = {"dataset": "digits", "architecture": "resnet20", "epochs": 1, "batch_size": 128}
ROUNDS = 20
IDLE_SECONDS = 1.5  # a slot that was taken until just now gets its next message up to a second later
GOAL_SECONDS = 0.5


def seconds_to_first_step(client: Epochal, idle_seconds: float = 0.0) -> float:
    """Leave the worker idle, then submit a job: seconds until its first step can be read. Waits for the job's end."""
    time.sleep(idle_seconds)
    began = time.perf_counter()
    job = client.jobs.create(SPEC)
    while not client.jobs.steps(job.id):
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    client.jobs.wait(job.id)
    return seconds


def trainer_alone() -> list[float]:
    """The same work without the service: seconds of each round."""
    import torch

    from training.engine.data import load_dataset
    from training.engine.trainer import Trainer

    torch.set_num_threads(os.cpu_count() or 1)
    spec = TrainingSpec.model_validate(SPEC)

    def once() -> None:
        dataset = load_dataset(spec.dataset, datasets_dir=Path("nowhere"), downloads_dir=Path("nowhere"))
        next(Trainer(spec, dataset).epochs())

    return [timed(once) for _ in range(ROUNDS)]


def timed(work: Callable[[], None]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure, print a table, and keep the result."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0, log_level="warning")
        with running(settings, quiet=True) as service, Epochal(service.url) as client:
            seconds_to_first_step(client)  # the first job of a worker finds cold caches
            whole = [seconds_to_first_step(client, IDLE_SECONDS) for _ in range(ROUNDS)]
            in_a_row = [seconds_to_first_step(client) for _ in range(ROUNDS)]
    # In a child, for OMP_WAIT_POLICY is read when torch is imported: as a worker sets it.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    with get_context("spawn").Pool(1) as pool:
        alone = pool.apply(trainer_alone)[1:]

    overhead = statistics.median(whole) - statistics.median(alone)
    print(f"From POST to the first recorded step, {ROUNDS} jobs each; milliseconds: median, highest")
    measured = (
        ("POST to first step, idle worker", whole),
        ("of it, the trainer's own work", alone),
        ("POST to first step, as soon as the job before has ended", in_a_row),
    )
    for name, seconds in measured:
        print(f"{name:60}{statistics.median(seconds) * 1000:8.0f}{max(seconds) * 1000:8.0f}")
    share = f"the service's share, idle worker (goal: {GOAL_SECONDS * 1000:.0f})"
    print(f"{share:60}{overhead * 1000:8.0f}")
    path = save(
        "start_latency",
        ["celery", "fastapi", "torch"],
        {
            "rounds": ROUNDS,
            "spec": SPEC,
            "post_to_first_step_seconds": sorted(round(seconds, 4) for seconds in whole),
            "in_a_row_seconds": sorted(round(seconds, 4) for seconds in in_a_row),
            "trainer_alone_seconds": sorted(round(seconds, 4) for seconds in alone),
            "overhead_seconds": round(overhead, 4),
            "goal_seconds": GOAL_SECONDS,
            "goal_reached": overhead <= GOAL_SECONDS,
        },
    )
    print(f"Kept in {path.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main()
