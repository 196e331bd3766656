"""Chaos for the service, from a seed; the same seed is the same plan of faults and jobs.

    python -m tests.chaos --seed 7 --minutes 10 --database postgresql

Exit code 0 where nothing was violated. Otherwise 1, and a folder that holds logs, history and what readers saw.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.plan import FAULTS
from tests.chaos.run import Wanted, run
from tests.chaos.verdict import Verdict
from tests.chaos.without import FENCES

ANNOUNCED = "EPOCHAL_CHAOS_IN_NAMESPACE"


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    _allow_mounting(arguments.database)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="epochal-chaos-"))
    began = time.monotonic()

    def say(line: str) -> None:
        _print(f"{time.monotonic() - began:7.1f} s  {line}")

    missing = f", without the fence {arguments.without}" if arguments.without else ""
    say(f"seed {arguments.seed}, {arguments.minutes:g} minutes, {arguments.database}{missing}; {folder}")
    seconds, only = 60 * arguments.minutes, tuple(arguments.only)
    wanted = Wanted(arguments.seed, seconds, arguments.database, arguments.without, only, arguments.verb)
    verdict = run(wanted, folder, say)
    _print(verdict.told())
    if verdict.violations:
        _keep(folder, verdict)
        _print(f"history, logs and what readers saw: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Chaos for the service, from a seed.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults; the calm that follows comes on top")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--without", choices=sorted(FENCES), help="take out a fence: the verdict must be guilty")
    parser.add_argument("--verb", choices=["cancel", "stop", "pause"], help="ask it of every job")
    faults = ", ".join(sorted(FAULTS))
    parser.add_argument("--only", nargs="+", default=[], choices=sorted(FAULTS), metavar="FAULT", help=f"of {faults}")
    return parser.parse_args()


def _allow_mounting(database: str) -> None:
    """Without root, a namespace of our own lets us mount a small disk; PostgreSQL, which refuses root, cannot run
    there."""
    if os.geteuid() == 0 or database == "postgresql" or ANNOUNCED in os.environ:
        return
    try:
        allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return
    if allowed:
        command = ["unshare", "-rm", sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, ANNOUNCED: "1"})


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _keep(folder: Path, verdict: Verdict) -> None:
    """Beside the logs, which lie there already."""
    evidence = verdict.evidence
    _write(folder / "history.jsonl", (asdict(write) for write in evidence.writes))
    _write(folder / "seen.jsonl", (asdict(seen) for seen in evidence.seen))
    _write(folder / "tickets.jsonl", (asdict(ticket) for ticket in evidence.tickets))
    _write(folder / "jobs.jsonl", (asdict(job) for job in evidence.jobs))
    _write(folder / "violations.jsonl", (asdict(violation) for violation in verdict.violations))


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
