"""How fast the page is, in Chromium, over the API as `make up` runs it and a database with 10,000 jobs.

    make bench-page OPTIONS='--parts load list curves night'

- `load`: the first paint, and until the jobs are there, with an empty cache; what is loaded.
- `list`: all 10,000 jobs in the list while 50 run at 2 epochs a second: tasks over 50 ms, and nodes while it scrolls.
- `curves`: ten curves of 1,000 epochs side by side, which grow twice a second: tasks over 50 ms.
- `night`: eight hours of the same 50 jobs, whose events come as fast as the page takes them in, from a stand-in for the
  stream (`benchmarks/page_stream.py`): JavaScript's heap after a garbage collection.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from playwright.sync_api import Browser

from benchmarks import api_service
from benchmarks.page_browser import Watched, chromium
from benchmarks.page_jobs import JOBS, filled
from benchmarks.page_stream import EPOCHS_A_SECOND, Night
from benchmarks.page_weight import weigh
from benchmarks.result import RESULTS, save
from logs import configure_logging
from training.parent_death_signal import die_with_parent

LONG_TASK_MILLISECONDS = 50
MOST_PAINT_MILLISECONDS = 500
MOST_NODES = 2_000
LIVE, CURVES, CURVE_EPOCHS = 50, 10, 1_000
NIGHT_HOURS = (0.5, 1, 2, 4, 6, 8)
MOST_GROWTH_BYTES = 2_000_000  # of the heap, from the first half hour to the last
SETTLING_SECONDS = 3
# The page's own module: it is loaded once, whoever imports it.
HEARD = """async () => {
  const live = await import(`${document.documentElement.dataset.assets}/scripts/live.js`);
  if (window.__heard === undefined) {
    window.__heard = 0;
    window.__last = -1;
    live.subscribe(({ type, data }) => {
      if (type !== "epoch") return;
      window.__heard += 1;
      window.__last = data.epoch;
    });
  }
  return __heard;
}"""
FIRST_ROW = "[role=grid] tbody [role=row]"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a part is measured in."""

    browser: Browser
    url: str
    live: Sequence[str]  # ids of the jobs that are under way
    rounds: int
    seconds: float  # of each round that watches something live


@contextmanager
def recording(url: str, jobs: int, before: int) -> Iterator[list[str]]:
    """Jobs that another process has recorded, and goes on recording."""
    command = [sys.executable, "-m", "benchmarks.page_jobs", url, "--jobs", str(jobs), "--before", str(before)]
    process = subprocess.Popen(
        command, cwd=api_service.ROOT, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: die_with_parent(signal.SIGTERM),
    )  # fmt: skip
    assert process.stdout is not None
    ids = process.stdout.readline().split()
    os.set_blocking(process.stdout.fileno(), False)
    try:
        yield ids
    finally:
        api_service.end(process)
        rates = (process.stdout.read() or "").split()
        print(f"  recorded {rates[-1] if rates else 'no'} epochs a second")


def load(setting: Setting) -> dict[str, Any]:
    """The first load."""
    paints, ready, tasks = [], [], []
    for _ in range(max(setting.rounds, 9)):
        watched = Watched(setting.browser, setting.url)
        watched.page.goto("/")
        watched.page.wait_for_selector(FIRST_ROW)
        ready.append(watched.now())
        answers = asdict(watched.answers)
        watched.page.wait_for_timeout(500)
        paints.append(watched.first_paint())
        tasks.append(max(watched.long_tasks(), default=0))
        files = asdict(watched.files)
        watched.close()
    return {
        "first_contentful_paint_ms": _spread(paints),
        "first_row_ms": _spread(ready),
        "longest_task_ms": _spread(tasks),
        "files": files,
        "answers_until_the_first_row": answers,
        "goal_ms": MOST_PAINT_MILLISECONDS,
        "goal_reached": median(paints) < MOST_PAINT_MILLISECONDS,
    }


def listed(setting: Setting) -> dict[str, Any]:
    """The list while it scrolls and 50 of its jobs run."""
    found: list[dict[str, Any]] = []
    for _ in range(setting.rounds):
        watched = Watched(setting.browser, setting.url)
        watched.page.goto("/jobs")
        watched.page.wait_for_selector(FIRST_ROW)
        _until(lambda: _rows(watched) >= JOBS, "the page has not read all jobs")  # noqa: B023  # it is called in this round
        read = watched.now()
        reading = watched.long_tasks()
        watched.page.wait_for_timeout(1000 * SETTLING_SECONDS)
        quiet, begun = watched.now(), time.monotonic()
        watched.page.wait_for_timeout(1000 * setting.seconds)
        scrolling, most = watched.now(), 0
        watched.page.mouse.move(640, 600)
        while time.monotonic() < begun + 2 * setting.seconds:
            for _ in range(10):
                watched.page.mouse.wheel(0, 700)
                watched.page.wait_for_timeout(50)
            most = max(most, watched.nodes())
        tasks = watched.long_tasks(quiet)
        found.append(
            {
                "all_read_ms": round(read),
                "tasks_while_reading_ms": _rounded(reading),
                "tasks_while_live_ms": _rounded(set(tasks) - set(watched.long_tasks(scrolling))),
                "tasks_while_scrolling_ms": _rounded(watched.long_tasks(scrolling)),
                "nodes": most,
            }
        )
        watched.close()
    longest = [max([*each["tasks_while_live_ms"], *each["tasks_while_scrolling_ms"]], default=0) for each in found]
    nodes = max(each["nodes"] for each in found)
    return {
        "seconds": setting.seconds,
        "rounds": found,
        "median_of_longest_task_ms": median(longest),
        "most_nodes": nodes,
        "goal_reached": median(longest) <= LONG_TASK_MILLISECONDS and nodes < MOST_NODES,
    }


def curves(setting: Setting) -> dict[str, Any]:
    """The comparison of ten jobs, whose curves grow."""
    address = "/compare?" + "&".join(f"job={job_id}" for job_id in setting.live)
    found: list[dict[str, Any]] = []
    for _ in range(setting.rounds):
        watched = Watched(setting.browser, setting.url)
        watched.page.goto(address)
        watched.page.wait_for_selector(".u-over")
        watched.page.wait_for_timeout(1000 * SETTLING_SECONDS)
        _heard(watched)
        before = _drawn(watched)
        begun = watched.now()
        watched.page.wait_for_timeout(1000 * setting.seconds)
        found.append({"tasks_ms": _rounded(watched.long_tasks(begun)), "epochs": _heard(watched)})
        assert _drawn(watched) != before, "the curves do not grow"
        watched.close()
    longest = [max(each["tasks_ms"], default=0) for each in found]
    return {
        "seconds": setting.seconds,
        "rounds": found,
        "median_of_longest_task_ms": median(longest),
        "goal_reached": median(longest) <= LONG_TASK_MILLISECONDS,
    }


def night(setting: Setting) -> dict[str, Any]:
    """Eight hours of the list."""
    with httpx2.Client(base_url=setting.url, timeout=60) as client:
        summaries = {
            each["id"]: each for each in client.get("/v1/job-summaries", params={"tag": "live"}).json()["data"]
        }
        metrics = client.get(f"/v1/jobs/{setting.live[0]}/metrics").json()["data"][-1]
        jobs = [client.get(f"/v1/jobs/{job_id}").json() for job_id in setting.live]
    assert set(setting.live) <= set(summaries)
    epochs = [
        {"id": 1, "job_id": job["id"], "type": "epoch", "epoch": 0, "attempt": 1, "created_at": job["created_at"],
         "message": "Epoch 1: train loss 1.25, test loss 1.5, test accuracy 50 %.", "metrics": dict(metrics)}
        for job in jobs
    ]  # fmt: skip
    progress = [
        {"job_id": job["id"], **{name: job[name] for name in ("status", "requested", "progress", "queue")}}
        for job in jobs
    ]
    stand_in = Night(setting.url, epochs, progress)
    watched = Watched(setting.browser, stand_in.url)
    watched.page.goto("/jobs")
    watched.page.wait_for_selector(FIRST_ROW)
    _until(lambda: _rows(watched) >= JOBS, "the page has not read all jobs")
    _heard(watched)
    at, found = 0.0, {"0": watched.heap()}
    begun = time.monotonic()
    for hours in NIGHT_HOURS:
        stand_in.wanted.put(3600 * (hours - at))
        at = hours
        last = round(3600 * hours * EPOCHS_A_SECOND) - 1
        _until(lambda: watched.page.evaluate("__last") >= last, "the page does not take in the events", 1800)  # noqa: B023  # as above
        watched.page.wait_for_timeout(2000)
        found[f"{hours:g}"] = watched.heap()
        megabytes, taken = found[f"{hours:g}"] / 1e6, time.monotonic() - begun
        print(f"  {hours:g} h: {megabytes:.2f} MB, {taken:.0f} s, {watched.nodes()} nodes", flush=True)
    growth = found["8"] - found[f"{NIGHT_HOURS[0]:g}"]
    watched.close()
    return {
        "events": stand_in.events,
        "events_a_second": round(stand_in.events / taken),
        "heap_bytes_after_hours": found,
        "growth_bytes": growth,
        "goal_reached": growth < MOST_GROWTH_BYTES,
    }


def _rows(watched: Watched) -> int:
    return int(watched.page.locator("[role=grid]").get_attribute("aria-rowcount") or 0) - 1


def _heard(watched: Watched) -> int:
    """Epochs that the page's stream has told since this was first asked."""
    return int(watched.page.evaluate(HEARD))


def _drawn(watched: Watched) -> str:
    """What the charts look like."""
    return str(watched.page.evaluate("[...document.querySelectorAll('canvas')].map((each) => each.toDataURL()).join()"))


def _until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"After {seconds:.0f} s, {what}.")
        time.sleep(0.1)


def _kept() -> dict[str, Any]:
    """What an earlier run has measured of the parts that this one may leave out."""
    path = RESULTS / "page.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    return {part: found[part] for part in MEASURES if part in found}


def _rounded(durations: Any) -> list[int]:
    return sorted(round(each) for each in durations)


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(median(values), 1), "lowest": round(min(values), 1), "highest": round(max(values), 1)}


MEASURES = {"load": load, "list": listed, "curves": curves, "night": night}


def main() -> None:
    """Measure the parts that are asked for, print and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="of each round that watches something live")
    arguments = parser.parse_args()
    api_service.without_settings()
    configure_logging("warning", "logfmt")
    measured: dict[str, Any] = {**_kept(), "jobs": JOBS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="epochal-bench-")))
        database_url = filled(folder / "jobs.db")
        service = stack.enter_context(api_service.api(database_url, {}, {}, apart=False))
        url = f"http://{service.address.host}:{service.address.port}"
        browser = stack.enter_context(chromium())
        measured["chromium"] = browser.version
        measured["bytes_after_gzip"] = weigh().total
        for part in arguments.parts:
            print(part)
            with recording(database_url, *((CURVES, CURVE_EPOCHS) if part == "curves" else (LIVE, 20))) as live:
                setting = Setting(browser, url, live, arguments.rounds, arguments.seconds)
                measured[part] = MEASURES[part](setting)
            measured[part]["rounds"] = measured[part].get("rounds", arguments.rounds)
            measured[part]["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
            measured[part]["load_average"] = round(os.getloadavg()[0], 1)
            print(json.dumps(measured[part], indent=2))
    print(f"Kept in {save('page', ['playwright'], measured)}.")


if __name__ == "__main__":
    main()
