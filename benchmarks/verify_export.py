"""Whether exports give what torch gives, for each family of networks; and what they do with a network that was trained.

    make verify-export PARTS='families trained'

`families`: each is exported for grey and for coloured images of 8 to 224 pixels, with random weights, and compared with
torch. `catalogue`: so is each architecture, for coloured images of 32 pixels. `trained`: a ResNet is trained on
CIFAR-100 for some epochs, and its ONNX file run by an onnxruntime that has numpy beside it and nothing else. Its
accuracy on the whole test split is compared with the last one that training measured; its int8 file is fitted to
training images, and measured likewise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from settings import read_settings
from training.engine.data import Dataset
from training.engine.export import TOLERANCE, check, onnx_file, quantised, read_saved
from training.engine.export.sessions import Images, open_session
from training.engine.networks import build_network
from training.engine.weights import Inputs, pack_weights
from training.plan import network_plan
from training.spec import TrainingSpec
from training.spec.architecture import (
    CifarDepth,
    CifarResNextName,
    ImageNetDepth,
    ImageNetResNextName,
    PyramidNetName,
    WideResNetName,
)

FAMILIES = (
    {"name": "resnet20"},
    {"name": "resnet20", "preactivation": True, "squeeze_excitation": True, "activation": "mish"},
    {"name": "resnet18"},
    {"name": "resnet50"},
    {"name": "resnext29-8x64d"},
    {"name": "resnext50-32x4d"},
    {"name": "wrn-16-2", "activation": "maxout"},
    {"name": "pyramidnet-110-48"},
)
CATALOGUE = (CifarDepth, ImageNetDepth, CifarResNextName, ImageNetResNextName, WideResNetName, PyramidNetName)
CHANNELS, SIZES = (1, 3), (8, 32, 64, 224)
CLASSES = 100
SPEC = {"dataset": "cifar100", "recipe": "sprint", "architecture": "resnet20", "compile": "off"}
FLOPS, LEAST_IMAGES, MOST_IMAGES = 2 * 10**11, 5, 68  # batches of 1, 3 and 64; of 1, 3 and 1 of what takes long
CALIBRATION_IMAGES = 1000
TIMED = {1: 50, 64: 5}  # runs, by the images in a batch

# In a process that imports nothing but these two.
BARE = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
data = np.load(sys.argv[2])
images = data["images"]
found = [session.run(["logits"], {"images": images[i : i + 500]})[0].argmax(1) for i in range(0, len(images), 500)]
print((np.concatenate(found) == data["labels"]).sum())
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A network that is to be exported, by its spec."""

    architecture: dict[str, Any]
    channels: int
    image_size: int


@dataclass(frozen=True, slots=True)
class Compared(Asked):
    """`difference`: the largest on `images`, as a share of torch's largest logit. `seconds`: of the export."""

    difference: float
    images: int
    seconds: float


def weights_file(architecture: dict[str, Any], size: int, channels: int) -> bytes:
    """Of random weights, whose normalisations have random statistics."""
    spec = TrainingSpec.model_validate({"dataset": "noise", "architecture": architecture})
    torch.manual_seed(0)
    network = build_network(network_plan(spec.architecture, size, channels, CLASSES))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    inputs = Inputs(tuple(map(str, range(CLASSES))), size, channels, [120.0] * channels, [60.0] * channels)
    return pack_weights(network.state_dict(), spec, inputs)


def compared(asked: Asked) -> Compared:
    """Raises DiffersFromTorch."""
    saved = read_saved(weights_file(asked.architecture, asked.image_size, asked.channels))
    count = max(LEAST_IMAGES, min(MOST_IMAGES, FLOPS // saved.flops))
    shape = (count, asked.image_size, asked.image_size, asked.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    begun = time.monotonic()
    content = onnx_file(saved)
    seconds = time.monotonic() - begun
    return Compared(**asdict(asked), difference=check(content, saved, images), images=count, seconds=round(seconds, 1))


def of_families() -> Iterator[Asked]:
    """At each size and with each number of channels."""
    for size in SIZES:
        for channels in CHANNELS:
            for architecture in FAMILIES:
                yield Asked(architecture, channels, size)


def of_catalogue() -> Iterator[Asked]:
    """Each architecture, at 32 pixels."""
    for name in (name for names in CATALOGUE for name in get_args(names)):
        yield Asked({"name": name}, 3, 32)


def trained_network(epochs: int) -> tuple[bytes, dict[str, Any]]:
    """The weights' file, and what training measured at last. A run that has ended is taken as it is."""
    settings = read_settings()
    folder = settings.data_dir / "benchmarks" / f"verify_export_{epochs}"
    folder.mkdir(parents=True, exist_ok=True)
    spec, log, weights = (folder / name for name in ("spec.json", "run.log", "weights.safetensors"))
    if not weights.exists():
        spec.write_text(json.dumps({**SPEC, "epochs": epochs}))
        places = {
            "--datasets-dir": settings.datasets_dir,
            "--downloads-dir": settings.downloads_dir,
            "--cache-dir": settings.data_dir / "cache",
            "--save-weights": weights,
        }
        options = [str(each) for pair in places.items() for each in pair]
        with log.open("w") as output:
            subprocess.run([sys.executable, "-m", "training", str(spec), *options], check=True, stdout=output)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    measured = {key: value for line in lines for key, value in line.items() if key in ("facts", "epoch")}
    facts = {key: measured["facts"][key] for key in ("device", "precision", "torch_version")}
    return weights.read_bytes(), {"spec": json.loads(spec.read_text()), **facts, **measured["epoch"]}


def right_in_bare_onnxruntime(content: bytes, dataset: Dataset) -> int:
    """How many test images a process gives their label that imports onnxruntime and numpy alone."""
    with tempfile.TemporaryDirectory() as folder:
        model, images = Path(folder) / "model.onnx", Path(folder) / "test.npz"
        model.write_bytes(content)
        np.savez(images, images=dataset.test.images.numpy(), labels=dataset.test.labels.numpy())
        command = [sys.executable, "-I", "-c", BARE, str(model), str(images)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def milliseconds(content: bytes, images: Images) -> dict[str, float]:
    """Processor time of a run on one thread, the least of several, by the images in a batch."""
    session, found = open_session(content), {}
    for size, times in TIMED.items():
        taken = []
        for _ in range(times):
            begun = time.process_time()
            session.run(["logits"], {"images": images[:size]})
            taken.append(time.process_time() - begun)
        found[f"batch of {size}"] = round(1000 * min(taken), 3)
    return found


def trained(epochs: int) -> dict[str, Any]:
    """What exports of a trained network do."""
    dataset = load_cifar100()
    weights, last = trained_network(epochs)
    saved = read_saved(weights)
    content = onnx_file(saved)
    test, count = dataset.test.images.numpy(), len(dataset.test.labels)
    rows = np.random.default_rng(0).permutation(len(dataset.train.labels))[:CALIBRATION_IMAGES]
    small = quantised(content, dataset.train.images.numpy()[rows])
    return {
        "training": last,
        "test_images": count,
        "difference": check(content, saved, test[:512]),
        "accuracy": {
            "reported": last["test_accuracy"],
            "onnx": right_in_bare_onnxruntime(content, dataset) / count,
            "int8": right_in_bare_onnxruntime(small, dataset) / count,
        },
        "megabytes": {"onnx": len(content) / 1e6, "int8": len(small) / 1e6},
        "milliseconds": {"onnx": milliseconds(content, test), "int8": milliseconds(small, test)},
    }


def verify_differences(part: str, exports: Iterator[Asked]) -> None:
    """Print each, and keep all. What was broken off goes on where it was."""
    kept = read_settings().data_dir / "benchmarks" / f"verify_export_{part}_torch-{torch.__version__}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    found = [Compared(**json.loads(line)) for line in kept.read_text().splitlines()]
    done = [Asked(each.architecture, each.channels, each.image_size) for each in found]
    for asked in exports:
        if asked not in done:
            found.append(compared(asked))
            line = json.dumps(asdict(found[-1]))
            print(line, flush=True)
            with kept.open("a") as file:
                file.write(f"{line}\n")
    worst = max(each.difference for each in found)
    print(
        f"{len(found)} exports differ from torch by at most {worst:.2g} of the largest logit; {TOLERANCE:g} is allowed."
    )
    keep(part, {"largest_difference": worst, "exports": [asdict(each) for each in found]})
    kept.unlink()


def verify_trained(epochs: int) -> None:
    """Print and keep it, and exit with a message where the ONNX file has another accuracy than training measured."""
    measured = trained(epochs)
    rows = [
        (kind, f"{measured['accuracy'][kind]:.2%}", f"{measured['megabytes'].get(kind, 0):.1f}")
        for kind in ("reported", "onnx", "int8")
    ]
    print_table(("of the trained network", "test accuracy", "MB"), rows)
    keep("trained", measured)
    if round(measured["accuracy"]["reported"], 9) != round(measured["accuracy"]["onnx"], 9):
        sys.exit("The ONNX file has another accuracy than training measured.")


def keep(part: str, measured: dict[str, Any]) -> None:
    """As a result of its own."""
    print(f"Kept in {save(f'verify_export_{part}', ['torch', 'onnx', 'onnxruntime', 'onnxscript'], measured)}.")


def main() -> None:
    """Do the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="+", choices=["families", "catalogue", "trained"])
    parser.add_argument("--epochs", type=int, default=2, help="of the network that is trained")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if "families" in arguments.parts:
        verify_differences("families", of_families())
    if "catalogue" in arguments.parts:
        verify_differences("catalogue", of_catalogue())
    if "trained" in arguments.parts:
        verify_trained(arguments.epochs)


if __name__ == "__main__":
    main()
