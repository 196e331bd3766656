"""The facts of a run: its device, its network and its data."""

import torch

from training.engine.autotuning.tuner import StepTuner
from training.engine.batches import Batches
from training.engine.data import Dataset
from training.engine.device.fingerprint import fingerprint
from training.engine.device.software import software
from training.engine.step import TrainingStep
from training.engine.team import Team
from training.metrics import RunFacts
from training.plan import NetworkPlan, count_flops, count_parameters


def gather_facts(
    device: torch.device,
    team: Team,
    dataset: Dataset,
    batches: Batches,
    plan: NetworkPlan,
    step: TrainingStep,
    tuner: StepTuner,
) -> RunFacts:
    """As of now: `tuner` may find a faster step later."""
    return RunFacts(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        precision=step.choice.precision,
        torch_version=torch.__version__,
        threads=torch.get_num_threads(),
        parameters=count_parameters(plan),
        flops=count_flops(plan),
        classes=len(dataset.classes),
        image_size=dataset.image_size,
        channels=dataset.channels,
        train_images=len(batches.rows),
        validation_images=len(batches.validation_rows),
        test_images=len(dataset.test.labels),
        dropped_images=dataset.dropped,
        ignored_files=dataset.ignored,
        ignored_examples=dataset.ignored_examples,
        dataset_identity=dataset.identity,
        steps_per_epoch=len(batches),
        placement=batches.feed.placement,
        devices=team.size,
        step=step.choice,
        probed=tuner.timings,
        probe_seconds=round(tuner.seconds, 3),
        fingerprint=fingerprint(device, step.choice, team.size),
        **software(device),
    )
