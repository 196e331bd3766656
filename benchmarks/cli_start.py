"""How long the command `epochal` takes to start, to list jobs and to let go of one, beside MLflow's command.

`python -m benchmarks.cli_start` installs each client into an environment of its own, as its users do. `epochal ls` asks
a service of this machine that has JOBS jobs, `mlflow runs list` an MLflow server of this machine that has as many runs.
All commands take turns, so that whatever else the machine does meets them alike; what is measured is the wall time of a
whole process. MLflow's server has none of the processes that wait for jobs of its own here: they would keep the machine
busy.

Detaching is the time from Ctrl-C to the end of `epochal watch`, in a terminal of its own, while a job waits.
"""

import argparse
import os
import pty
import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx2

from benchmarks import api_service
from benchmarks.beside_mlflow import FOLDER as MLFLOW_FOLDER
from benchmarks.beside_mlflow import MLFLOW, install, mlflow_server
from benchmarks.result import print_table, save
from epochal import Epochal
from serve import running
from settings import Settings

ROOT = Path(__file__).parent.parent
FOLDER = api_service.FILLED / "epochal-client"
ROUNDS = 20
JOBS = 20
GOALS = {"epochal --help": 60.0, "epochal <Tab>": 60.0, "epochal ls": 300.0, "Ctrl-C to the end": 200.0}  # milliseconds
SPEC = {"dataset": "digits", "epochs": 1}
NOWHERE = "no-such-device"  # a job for it waits


def install_client() -> Path:
    """The client as it is in this checkout, in an environment of its own; its program."""
    if not (FOLDER / "bin" / "python").exists():
        venv.create(FOLDER, with_pip=True)
    pip = [f"{FOLDER}/bin/python", "-m", "pip", "install", "--quiet", "--force-reinstall", f"{ROOT}/client"]
    subprocess.run(pip, check=True)
    return FOLDER / "bin" / "epochal"


def timed(command: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    """Milliseconds of a process, from its start to its end."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def detaching(command: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    """Milliseconds from Ctrl-C to the end of a command that follows a job in a terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], [os.fspath(part) for part in command], dict(environment))
    seen = b""
    while b"queued" not in seen.lower():
        seen += os.read(terminal, 65536)
    time.sleep(0.3)  # it waits for the service now
    began = time.perf_counter()
    os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    milliseconds = (time.perf_counter() - began) * 1000
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130, seen
    return milliseconds


def fill(client: Epochal, mlflow_url: str) -> str:
    """Jobs and runs to be listed; the id of a job that waits."""
    for number in range(JOBS):
        job = client.jobs.create(SPEC, name=f"job {number}", accelerator=NOWHERE)
        body = {"experiment_id": "0", "run_name": f"job {number}", "start_time": int(time.time() * 1000)}
        httpx2.post(f"{mlflow_url}/api/2.0/mlflow/runs/create", json=body, trust_env=False).raise_for_status()
    return job.id


def measurements(epochal: Path, url: str, job_id: str, mlflow_url: str, home: str) -> dict[str, Callable[[], float]]:
    """What is measured, by its name."""
    ours = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm", "EPOCHAL_URL": url}
    theirs = {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "MLFLOW_TRACKING_URI": mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    mlflow = MLFLOW_FOLDER / "bin" / "mlflow"
    return {
        "python -c pass": lambda: timed([FOLDER / "bin" / "python", "-c", "pass"], ours),
        "epochal --help": lambda: timed([epochal, "--help"], ours),
        "epochal <Tab>": lambda: timed([epochal, "__complete", "bash", "su"], ours),
        "epochal ls": lambda: timed([epochal, "ls", "--output", "table"], ours),
        "Ctrl-C to the end": lambda: detaching([epochal, "watch", job_id], ours),
        "mlflow --help": lambda: timed([mlflow, "--help"], theirs),
        "mlflow runs list": lambda: timed([mlflow, "runs", "list", "--experiment-id", "0"], theirs),
    }


def measure(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each, a value a round; a first round that finds cold caches is left out."""
    epochal, _ = install_client(), install()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = Settings(data_dir=Path(folder), port=0, log_level="warning")
        service = stack.enter_context(running(settings, quiet=True))
        os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        address = stack.enter_context(mlflow_server(f"sqlite:///{folder}/mlflow.db"))
        mlflow_url = f"http://{address.host}:{address.port}"
        with Epochal(service.url) as client:
            job_id = fill(client, mlflow_url)
        each = measurements(epochal, service.url, job_id, mlflow_url, folder)
        taken: dict[str, list[float]] = {name: [] for name in each}
        for number in range(rounds + 1):
            for name, once in each.items():
                milliseconds = once()
                if number:
                    taken[name].append(milliseconds)
    return taken


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    taken = measure(rounds)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    rows = [
        [
            name,
            f"{min(values):.0f}",
            f"{medians[name]:.0f}",
            f"{max(values):.0f}",
            f"{GOALS[name]:.0f}" if name in GOALS else "",
        ]
        for name, values in taken.items()
    ]
    print(f"Milliseconds, {rounds} times each, in turns")
    print_table(("", "lowest", "median", "highest", "goal"), rows)
    path = save(
        "cli_start",
        ["httpx2"],
        {
            "mlflow": MLFLOW,
            "rounds": rounds,
            "jobs": JOBS,
            "milliseconds": {name: sorted(round(value, 1) for value in values) for name, values in taken.items()},
            "median_milliseconds": {name: round(value, 1) for name, value in medians.items()},
            "goal_milliseconds": GOALS,
            "goals_reached": {name: medians[name] <= goal for name, goal in GOALS.items()},
        },
    )
    print(f"Kept in {path.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main()
