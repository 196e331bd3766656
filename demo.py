"""Demonstrates the whole service: `make demo` trains on handwritten digits, `make lab` is the lab exercise.

Exit codes: 0 for success; 1 where the service does not start or the job does not succeed; 130 after Ctrl-C.
"""

import argparse
import errno
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from environment.startup import CannotStart
from epochal import Epochal, EpochalError, Job
from epochal.terminal.columns import METRICS
from epochal.terminal.following import Follow
from epochal.terminal.screen import Screen
from epochal.terminal.tables import table
from epochal.terminal.text import cut, safe
from epochal.types import Diagnosis, Sweep
from serve import cannot_listen, running
from settings import Settings, read_settings

# No augmentation: a mirrored digit is not a digit, and a crop would cut digits off, which fill their eight pixels.
# 98.1 % to 99.4 % test accuracy over seeds 0 to 7, in about seven seconds of one CPU core.
DIGITS: dict[str, Any] = {
    "dataset": "digits",
    "architecture": "resnet20",
    "epochs": 8,
    "batch_size": 64,
    "optimizer": {"name": "sgd", "learning_rate": 0.05, "nesterov": True},
    "schedule": {"name": "cosine", "warmup_epochs": 1},
}
EXPECTED_ACCURACY = 0.95

KINDS: tuple[Literal["html", "md"], ...] = ("html", "md")
Size = Literal["small", "full"]
DURATIONS: dict[Size, str] = {
    "small": "some minutes on two cores; EXPERIMENTS=none make lab leaves them out",
    "full": "long, even on a GPU; EXPERIMENTS=small make lab takes handwritten digits in place of CIFAR-100",
}
SIZES = (*DURATIONS, "none")
LOOK_SECONDS = 1.0
FULL_EPOCHS = 200
CPU_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demonstration came to."""

    job_id: str
    good: bool


def lab_spec(epochs: int) -> dict[str, Any]:
    """ResNet-18 on CIFAR-100 as the literature trains it, in `epochs` epochs."""
    return {
        "dataset": "cifar100",
        "architecture": "resnet18",
        "epochs": epochs,
        "batch_size": 128,
        "optimizer": {
            "name": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 5e-4,
        },
        "schedule": {"name": "cosine", "warmup_epochs": min(1, epochs - 1)},
        "augmentation": {"crop": {"padding": 4}, "flip": True},
    }


def digits(client: Epochal, folder: Path, screen: Screen) -> Outcome:
    """Train on the digits that ship with Epochal. It is good where the verdict is."""
    job = _train(client, DIGITS, "digits", screen)
    accuracy = job.latest.test_accuracy if job.latest else None
    if job.status != "succeeded" or accuracy is None:
        return Outcome(job.id, good=False)
    say(screen, f"\nThe report, as {client.base_url}{job.links.log} has it:\n\n{client.jobs.log(job.id)}")
    _save_curves(client, job, folder, screen)
    good = accuracy > EXPECTED_ACCURACY
    say(
        screen,
        f"Verdict: {accuracy:.2%} test accuracy, {'above' if good else 'NOT above'} the {EXPECTED_ACCURACY:.0%} that "
        "this demo asks for.",
    )
    return Outcome(job.id, good)


def lab(client: Epochal, folder: Path, screen: Screen, epochs: int | None, size: Size | None = None) -> Outcome:
    """The lab exercise: train and test loss and accuracy by epoch, what they say, the experiments of `size` unless it
    is None, and a report of all that. It is good where the job succeeded."""
    job = _train(client, lab_spec(epochs or _affordable_epochs(client, screen)), "lab", screen)
    if job.status != "succeeded":
        return Outcome(job.id, good=False)
    screen.draw(table(client.jobs.metrics(job.id), METRICS, screen.size()[0], style=screen.style))
    report = folder / "report.log"
    folder.mkdir(parents=True, exist_ok=True)
    report.write_text(client.jobs.log(job.id), encoding="utf-8")
    say(screen, f"Report: {report}")
    _save_curves(client, job, folder, screen)
    say(screen, curves_say(client.jobs.diagnosis(job.id)))
    sweeps = _experiments(client, size, screen) if size else []
    for kind in KINDS:
        report = folder / f"report.{kind}"
        report.write_text(client.jobs.report(job.id, kind, sweeps=sweeps), encoding="utf-8")
        say(screen, f"The whole report: {report}")
    return Outcome(job.id, good=True)


def _experiments(client: Epochal, size: Size, screen: Screen) -> list[str]:
    """Run every experiment, and say what came out. Returns the ids of their sweeps. Ctrl-C also cancels their jobs."""
    running: list[Sweep] = []
    try:
        names = [experiment.name for experiment in client.experiments.list()]
        running.extend(client.experiments.run(name, size=size, tags=["demo"]) for name in names)
        jobs = sum(len(sweep.trials) for sweep in running)
        say(screen, f"\n{len(running)} experiments, {jobs} jobs: {DURATIONS[size]}.")
        for number, sweep in enumerate(running, start=1):
            with screen:
                for look in client.sweeps.poll(sweep.id):
                    done = f"  {safe(look.name)}: {look.progress.jobs_over} of {look.progress.jobs} jobs"
                    screen.draw([], [cut(done, screen.size()[0] - 1)])
            answer = client.sweeps.answer(sweep.id)
            say(screen, f"{number}. {answer.question}\n   {answer.summary} {answer.ranking}")
    except KeyboardInterrupt:
        say(screen, "Interrupted: cancelling the experiments.")
        for sweep in running:
            with suppress(EpochalError):  # it may have ended
                client.sweeps.cancel(sweep.id)
        raise
    return [sweep.id for sweep in running]


def curves_say(diagnosis: Diagnosis) -> str:
    """The sentences of a diagnosis, the most important first, each with what to try."""
    if not diagnosis.findings:
        return "The diagnosis has nothing to say of these curves."
    lines = [
        f"- {each.sentence}" + (f" To try: {json.dumps(each.suggestion.spec)}." if each.suggestion else "")
        for each in diagnosis.findings
    ]
    return "\n".join(["What the curves say:", *lines])


def _affordable_epochs(client: Epochal, screen: Screen) -> int:
    if any(device != "cpu" for worker in client.workers.list() for device in worker.devices):
        return FULL_EPOCHS
    say(
        screen,
        f"No worker has an accelerator, and a CPU needs many minutes for an epoch: {CPU_EPOCHS} epochs instead of "
        f"{FULL_EPOCHS}. All of them anyway: EPOCHS={FULL_EPOCHS} make lab",
    )
    return CPU_EPOCHS


def _train(client: Epochal, spec: dict[str, Any], name: str, screen: Screen) -> Job:
    """Submit a job and watch it. Ctrl-C also cancels it, so that it does not delay the job of the next demo."""
    job = client.jobs.create(spec, name=name, tags=["demo"])
    say(screen, f"Job {job.id}: {spec['architecture']} on {spec['dataset']}, {spec['epochs']} epochs.")
    say(screen, f"Watch it at {page_of(client.base_url, job.id)}")
    try:
        follow = Follow(
            lambda epoch: client.jobs.metrics(job.id, epoch),
            lambda event: client.jobs.events(job.id, after=event),
            screen=screen,
        )
        return follow.run(client.jobs.poll(job.id, wait=LOOK_SECONDS))
    except KeyboardInterrupt:
        say(screen, "Interrupted: cancelling the job.")
        with suppress(EpochalError):  # it may just have finished
            client.jobs.cancel(job.id)
            client.jobs.wait(job.id)
        raise


def _save_curves(client: Epochal, job: Job, folder: Path, screen: Screen) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    svg, png = folder / "curves.svg", folder / "curves.png"
    svg.write_bytes(client.jobs.curves(job.id, "svg"))
    png.write_bytes(client.jobs.curves(job.id, "png"))
    say(screen, f"Curves: {svg}\n        {png}")


def say(screen: Screen, text: str) -> None:
    """Print a text for good. What of it comes from the service is harmless."""
    screen.draw([safe(line) for line in text.split("\n")])


def _on_a_free_port(settings: Settings, screen: Screen) -> Settings:
    """The same settings, or with port 0 where something listens on theirs."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise cannot_listen(error) from error
        say(screen, f"Something listens on port {settings.port} already: a free one instead.")
        return settings.model_copy(update={"port": 0})
    return settings


def page_of(url: str, job_id: str) -> str:
    """The address that shows a job in a browser."""
    return f"{url.rstrip('/')}/jobs/{job_id}"


def _how_to_go_on(url: str, settings: Settings, job_id: str) -> str:
    port = urlsplit(url).port
    up = "make up" if port == settings.port else f"EPOCHAL_PORT={port} make up"
    body = json.dumps({"spec": {"dataset": "digits", "architecture": "resnet20", "epochs": 3}})
    return (
        f"Nothing is left running. `{up}` brings back the page {url} and {url}/docs with every job; then try\n"
        f"  curl -X POST {url}/v1/jobs -H 'Content-Type: application/json' -d '{body}'\n"
        f"and look at this job in a browser:\n"
        f"  {page_of(url, job_id)}"
    )


def _demonstrate(arguments: argparse.Namespace, screen: Screen) -> bool:
    settings = _on_a_free_port(read_settings(), screen)
    say(screen, "Starting broker, API and worker.")
    with running(settings, quiet=True) as service, Epochal(service.url) as client:
        say(screen, f"The page is at {service.url}, the API described at {service.url}/docs, while this runs.")
        if arguments.what == "digits":
            outcome = digits(client, settings.data_dir / "demo", screen)
        else:
            size = None if arguments.experiments == "none" else arguments.experiments
            outcome = lab(client, settings.data_dir / "lab", screen, arguments.epochs, size)
    say(screen, _how_to_go_on(service.url, settings, outcome.job_id))
    return outcome.good


def _epochs(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of epochs: 1 or more")
    return int(text)


def _size(text: str) -> str:
    if text not in SIZES:
        raise argparse.ArgumentTypeError(f"{text!r} is no size of experiments: {', '.join(SIZES)}")
    return text


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Epochal at work.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("digits", help="a ResNet on handwritten digits, in less than a minute")
    exercise = what.add_parser("lab", help="the lab exercise: ResNet-18 on CIFAR-100")
    exercise.add_argument(
        "--epochs",
        type=_epochs,
        default=os.environ.get("EPOCHS") or None,
        help=f"as in EPOCHS; {FULL_EPOCHS} by default with an accelerator, {CPU_EPOCHS} without",
    )
    exercise.add_argument(
        "--experiments",
        type=_size,
        default=os.environ.get("EXPERIMENTS") or "small",
        help="as in EXPERIMENTS; small by default: on handwritten digits, whatever the machine",
    )
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    arguments, screen = _parse(), Screen()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like that, it cleans up just the same
    try:
        return 0 if _demonstrate(arguments, screen) else 1
    except (CannotStart, EpochalError) as error:
        say(screen, str(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
