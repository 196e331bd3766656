"""From an archive of 60,000 images to a data set that is ready, and from there to the first step of two jobs.

`python -m benchmarks.dataset_upload --archive cifar.zip` starts the service, uploads the archive with one PUT, waits
until the version is ready, and submits two jobs on it. Without `--archive`, it makes a zip of CIFAR-100 as PNG files
first. The resident memory of the API is read while the upload runs.
"""

import argparse
import io
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import httpx2
from PIL import Image

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from epochal import Epochal
from serve import running
from settings import Settings
from training.engine.data import Dataset

READY_GOAL_SECONDS, MEMORY_GOAL_BYTES = 60.0, 64 * 2**20
SPEC = {"dataset": "uploaded", "architecture": "resnet20", "epochs": 1, "batch_size": 128, "logging_interval": 1}
PART_BYTES = 2**20


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--archive", type=Path)
    archive = parser.parse_args().archive
    with tempfile.TemporaryDirectory() as folder:
        if archive is None:
            archive = Path(folder, "cifar100.zip")
            write_zip(load_cifar100(), archive)
        settings = Settings(data_dir=Path(folder, "data"), port=0, log_level="warning")
        with running(settings, quiet=True) as service, Epochal(service.url) as client:
            measured = measure(service.url, client, archive)
    print_table(("what", "measured", "goal"), list(rows(measured)))
    save("dataset_upload", ["fastapi", "pillow", "numpy", "torch"], measured)


def measure(url: str, client: Epochal, archive: Path) -> dict[str, object]:
    """Upload `archive`, and train on it twice."""
    client.jobs.create({"dataset": "digits", "architecture": "resnet20", "epochs": 1})  # so that everything is imported
    with httpx2.Client(base_url=url, timeout=600, trust_env=False) as http, MemoryWatch(api_process()) as watch:
        began = time.perf_counter()
        version = http.put("/v1/datasets/uploaded", content=blocks(archive)).raise_for_status().json()
        uploaded = time.perf_counter() - began
        memory = watch.growth
        while version["status"] == "validating":
            version = http.get(version["links"]["self"], headers={"Prefer": "wait=30"}).raise_for_status().json()
        ready = time.perf_counter() - began
    assert version["status"] == "ready", version["error"]
    first, second = (seconds_to_start(client) for _ in range(2))
    return {
        "archive_bytes": archive.stat().st_size,
        "images": version["train_images"] + version["test_images"],
        "upload_seconds": round(uploaded, 2),
        "ready_seconds": round(ready, 2),
        "api_memory_growth_bytes": memory,
        "first_job_seconds": round(first, 2),
        "second_job_seconds": round(second, 2),
        "findings": {finding["code"]: finding["count"] for finding in version["report"]["findings"]},
    }


def seconds_to_start(client: Epochal) -> float:
    """From the submission of a job until its first step can be read. The job is then cancelled."""
    began = time.perf_counter()
    job = client.jobs.create(SPEC)
    while not client.jobs.steps(job.id):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    client.jobs.cancel(job.id)
    client.jobs.wait(job.id)
    return seconds


class MemoryWatch:
    """Watches the resident memory of a process while the context lasts."""

    def __init__(self, pid: int) -> None:
        self._pid, self._done = pid, Event()
        self._first = self._most = resident(pid)
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """By how many bytes it has been above where it began."""
        return self._most - self._first

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self._most = max(self._most, resident(self._pid))


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def api_process() -> int:
    """The API that this program has started."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"-m", b"api"]:
                return int(entry.name)
    raise RuntimeError("there is no API")


def blocks(file: Path) -> Iterator[bytes]:
    """Its content, in pieces."""
    with file.open("rb") as opened:
        while content := opened.read(PART_BYTES):
            yield content


def write_zip(dataset: Dataset, archive: Path) -> None:
    """The images as PNG files in `<split>/<class>/`."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, split in (("train", dataset.train), ("test", dataset.test)):
            for row, label in enumerate(split.labels.tolist()):
                content = io.BytesIO()
                Image.fromarray(split.images[row].numpy()).save(content, "PNG")
                file.writestr(f"{name}/{dataset.classes[label]}/{row:05}.png", content.getvalue())


def rows(measured: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """For a table."""
    seconds = {name: float(str(measured[f"{name}_seconds"])) for name in ("upload", "ready", "first_job", "second_job")}
    memory = int(str(measured["api_memory_growth_bytes"]))
    yield f"upload of {measured['archive_bytes']:,} bytes", f"{seconds['upload']:.1f} s", ""
    yield f"{measured['images']:,} images: upload to ready", f"{seconds['ready']:.1f} s", f"{READY_GOAL_SECONDS:.0f} s"
    yield "growth of the API's memory", f"{memory / 2**20:.0f} MiB", f"{MEMORY_GOAL_BYTES / 2**20:.0f} MiB"
    yield "first job to its first step", f"{seconds['first_job']:.1f} s", ""
    yield "second job to its first step", f"{seconds['second_job']:.1f} s", ""


if __name__ == "__main__":
    main()
