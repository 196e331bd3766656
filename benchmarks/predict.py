"""Predictions beside a plain loop of onnxruntime, over HTTP on one core, and of more models than fit in.

`python -m benchmarks.predict` measures with a ResNet-18 for pictures of 32 pixels, 45 MB, whose weights are drawn:

- images a second of a predictor and of a plain loop, which decodes the same files and runs the same network in the same
  process with as many threads, by turns, at one picture and at 64;
- over HTTP, 20 requests a second of one picture to an API that has one core: their p99 alone and beside `GET /v1/jobs`
  nearly ten times a second, whose p99 alone and meanwhile; and the p99 of the plain loop on the same core at the same
  rate, below which no service can be;
- 20 such models in turns, within the default bound on memory.
"""

import argparse
import asyncio
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from benchmarks import api_service
from benchmarks.api_load import Address, Measured, open_loop
from benchmarks.resnet18_onnx import resnet18
from benchmarks.result import print_table, save
from environment.addresses import file_address, sqlite_address
from jobs.ids import new_model_id
from migrations import migrate
from models import DEFAULT_PROJECT, Database, TrainedModel
from serving import Limits, Predictor, ServedModel
from storage import Storage
from training.images.decoding import Form, decode_image, open_image

FORM = Form(32, 3)
CLASSES = [f"class {number}" for number in range(100)]
BATCHES = (1, 64)
GOAL_SHARE, GOAL_MILLISECONDS = 0.8, 50.0
PREDICTIONS_A_SECOND, OTHERS_A_SECOND = 20.0, 9.7  # so that the two come together at every distance in time
MODELS, ROUNDS = 20, 3
ROUND_SECONDS = 1.0


def pictures(count: int) -> list[bytes]:
    """PNG files of random pixels: as large as a file of 32 pixels gets."""
    random = np.random.default_rng(0)
    files = []
    for _ in range(count):
        content = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(content, "PNG")
        files.append(content.getvalue())
    return files


def model_of(content: bytes, number: int = 0) -> ServedModel:
    """As the API makes it of a trained model."""
    digest = sha256(content).hexdigest()
    return ServedModel(f"mdl_{number}", "bench", CLASSES, FORM, digest, len(content), lambda: content, 1.0)


def plain_loop(content: bytes, threads: int) -> Callable[[Sequence[bytes]], None]:
    """What one would write: decode, run, look at the largest."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def predict(files: Sequence[bytes]) -> None:
        pixels = []
        for file in files:
            with open_image(file) as image:
                pixels.append(decode_image(image, FORM))
        session.run(["logits"], {"images": np.stack(pixels)})[0].argmax(axis=1)

    return predict


def rates(predict: Callable[[Sequence[bytes]], Any], files: Sequence[bytes], seconds: float) -> tuple[float, float]:
    """Images a second, one request after the other; and images a second of the processor's time, which others that keep
    it busy change less."""
    began, used, images = perf_counter(), process_time(), 0
    while perf_counter() - began < seconds or not images:
        predict(files)
        images += len(files)
    return images / (perf_counter() - began), images / (process_time() - used)


def throughput(content: bytes, seconds: float) -> list[dict[str, Any]]:
    """By turns, so that what else the machine does meets both; the median of the turns' quotients."""
    rows = []
    with Predictor(Limits(threads=1)) as predictor:
        model, loop = model_of(content), plain_loop(content, 1)

        def served(files: Sequence[bytes]) -> None:
            predictor.submit(model, files).result()

        for batch in BATCHES:
            files = pictures(batch)
            served(files)
            loop(files)
            turns = [
                (rates(loop, files, ROUND_SECONDS), rates(served, files, ROUND_SECONDS))
                for _ in range(max(5, round(seconds / 2 / ROUND_SECONDS)))
            ]
            rows.append(
                {
                    "images_a_request": batch,
                    "plain_images_a_second": round(median(plain[0] for plain, _ in turns), 1),
                    "predictor_images_a_second": round(median(ours[0] for _, ours in turns), 1),
                    "share": round(median(ours[0] / plain[0] for plain, ours in turns), 3),
                    "share_of_processor_time": round(median(ours[1] / plain[1] for plain, ours in turns), 3),
                }
            )
    return rows


@contextmanager
def service(content: bytes) -> Iterator[tuple[Address, str]]:
    """An API on one core, and a trained model's id."""
    with tempfile.TemporaryDirectory(prefix="epochal-bench-") as name:
        folder = Path(name)
        storage_url, database_url = file_address(folder / "storage"), sqlite_address(folder / "bench.db")
        file = Storage(storage_url).put("job_bench/attempt-0001/model.onnx", content)
        database = Database(database_url)
        migrate(database)
        with database.session() as session:
            model = _row(file.name, file.size_bytes, file.sha256)
            session.add(model)
            session.flush()
            model_id = model.id
        database.dispose()
        settings = {"EPOCHAL_STORAGE_URL": storage_url, "EPOCHAL_SERVING_THREADS": "1"}
        with api_service.api(database_url, settings, {}) as running:
            yield running.address, model_id


def _row(name: str, size_bytes: int, digest: str) -> TrainedModel:
    from datetime import UTC, datetime

    manifest = {"classes": CLASSES, "input": {"size": FORM.size, "channels": FORM.channels, "resize": FORM.resize}}
    return TrainedModel(
        id=new_model_id(datetime.now(UTC)),
        project=DEFAULT_PROJECT,
        job_id="job_01kasm2pbk5s9d0w3g6vq8zrhf",
        which="last",
        architecture="resnet18",
        dataset="bench",
        class_count=len(CLASSES),
        manifest=manifest,
        files=[{"name": "model.onnx", "file": {"name": name, "size_bytes": size_bytes, "sha256": digest}}],
    )


async def latencies(address: Address, model_id: str, seconds: float) -> dict[str, Any]:
    """Over HTTP: other calls alone, then both at once."""
    others = [address.request("GET", "/v1/jobs?limit=20")]
    kind = {"Content-Type": "image/png"}
    asked = [address.request("POST", f"/v1/models/{model_id}/predict", file, kind) for file in pictures(20)]
    await open_loop(address, asked, per_second=PREDICTIONS_A_SECOND, seconds=1)  # loads the model
    alone = await open_loop(address, others, per_second=OTHERS_A_SECOND, seconds=seconds)
    predictions_alone = await open_loop(address, asked, per_second=PREDICTIONS_A_SECOND, seconds=seconds)
    predictions, meanwhile = await asyncio.gather(
        open_loop(address, asked, per_second=PREDICTIONS_A_SECOND, seconds=seconds),
        open_loop(address, others, per_second=OTHERS_A_SECOND, seconds=seconds),
    )
    return {
        "predictions_alone": _milliseconds(predictions_alone),
        "predictions_beside_other_calls": _milliseconds(predictions),
        "other_calls_alone": _milliseconds(alone),
        "other_calls_beside_predictions": _milliseconds(meanwhile),
    }


def plain_latencies(content: bytes, seconds: float) -> dict[str, Any]:
    """Of the plain loop at the same rate, on the API's core, while nothing else runs there."""
    own_cores, files = os.sched_getaffinity(0), pictures(20)
    os.sched_setaffinity(0, {api_service.API_CORE})
    try:
        loop = plain_loop(content, 1)
        loop(files[:1])
        began, taken = perf_counter(), []
        for number in range(round(seconds * PREDICTIONS_A_SECOND)):
            due = began + number / PREDICTIONS_A_SECOND
            sleep(max(0.0, due - perf_counter()))
            loop([files[number % len(files)]])
            taken.append(perf_counter() - due)
    finally:
        os.sched_setaffinity(0, own_cores)
    return _milliseconds(Measured(seconds, sorted(taken), {200: len(taken)}))


def _milliseconds(measured: Measured) -> dict[str, Any]:
    assert set(measured.statuses) == {200}, measured.statuses
    return {
        "requests": len(measured.latencies),
        "p50_ms": round(measured.percentile(50), 1),
        "p99_ms": round(measured.percentile(99), 1),
    }


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def in_turns() -> dict[str, Any]:
    """More models than fit in, each asked in each round."""
    with tempfile.TemporaryDirectory(prefix="epochal-bench-") as folder:
        storage, models = Storage(file_address(Path(folder))), []
        for number in range(MODELS):
            file = storage.put(f"{number}/model.onnx", resnet18(32, 3, 100, seed=number))
            models.append(
                ServedModel.stored(
                    storage, file, id=f"mdl_{number}", project="bench", classes=CLASSES, input=FORM, temperature=1.0
                )
            )
        limits, files, taken, most = Limits(threads=1), pictures(1), [], 0
        with Predictor(limits) as predictor:
            before = resident()
            for model in models * ROUNDS:
                began = perf_counter()
                predictor.submit(model, files).result()
                taken.append(perf_counter() - began)
                most = max(most, resident() - before)
            measured = predictor.measures()
    return {
        "models": MODELS,
        "requests": len(taken),
        "loads": measured.loads,
        "bound_mib": limits.session_bytes // 2**20,
        "loaded_at_the_end": measured.sessions,
        "counted_mib_at_the_end": round(measured.session_bytes / 2**20),
        "most_memory_mib": round(most / 2**20),
        "median_ms_with_loading": round(1000 * median(taken), 1),
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    api_service.without_settings()
    load = os.getloadavg()[0]
    turns = in_turns()
    content = resnet18(32, 3, 100)
    with service(content) as (address, model_id):
        os.sched_setaffinity(0, {api_service.OTHER_CORE})
        http = {"plain_loop": plain_latencies(content, seconds), **asyncio.run(latencies(address, model_id, seconds))}
    rows = throughput(content, seconds)
    print_table(
        ("images a request", "plain loop, images/s", "predictor, images/s", "share", "share by processor time"),
        [[str(value) for value in row.values()] for row in rows],
    )
    print_table(
        ("on one core, over HTTP", "requests", "p50 ms", "p99 ms"),
        [[name, *map(str, row.values())] for name, row in http.items()],
    )
    print_table(("models in turns", ""), [[name, str(value)] for name, value in turns.items()])
    path = save(
        "predict",
        ["onnxruntime", "numpy", "pillow"],
        {
            "load_before": round(load, 1),
            "goals": {"share": GOAL_SHARE, "p99_ms": GOAL_MILLISECONDS},
            "throughput": rows,
            "http_on_one_core": http,
            "models_in_turns": turns,
        },
    )
    print(f"Written to {path}.")


if __name__ == "__main__":
    main()
