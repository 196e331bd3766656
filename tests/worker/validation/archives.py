"""Archives that a user might send, and what a validation makes of them."""

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from storage import Storage
from worker.validation.__main__ import carry_out
from worker.validation.messages import REPORTS, Found, Progress, Rejected, ValidationOrder

ROOT = Path(__file__).parents[3]
PREFIX = "datasets/default/task_1/0001"


def picture(seed: int, size: tuple[int, int] = (24, 24), form: str = "PNG", mode: str = "RGB") -> bytes:
    """An image file with noise in it, a different one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form)
    return file.getvalue()


def tree(train: int = 4, test: int = 2, classes: tuple[str, ...] = ("ant", "bee")) -> dict[str, bytes]:
    """Files of an image folder, by their paths."""
    found, seed = {}, 0
    for split, count in (("train", train), ("test", test)):
        for name in classes:
            for number in range(count):
                seed += 1
                found[f"{split}/{name}/{number}.png"] = picture(seed)
    return found


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]  # its modes are literals
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def order_of(storage: Storage, folder: Path, content: bytes, part_bytes: int = 1000, **fields: Any) -> ValidationOrder:
    """An order to look through `content`, which is stored in parts."""
    parts = [
        storage.put(f"uploads/upl_1/{start:015}", content[start : start + part_bytes])
        for start in range(0, len(content), part_bytes)
    ]
    folder.mkdir(parents=True)
    return ValidationOrder.model_validate(
        {
            "task_id": "task_1",
            "storage_url": storage.url,
            "storage_id": None,
            "prefix": PREFIX,
            "folder": folder,
            "processes": 2,
            "largest_image_megapixels": 256,
            "upload": tuple(parts),
            **fields,
        }
    )


def validated(storage: Storage, folder: Path, content: bytes, **fields: Any) -> Found | Rejected:
    """What comes of `content`, in this process."""
    said: list[Progress] = []
    return carry_out(order_of(storage, folder, content, **fields), storage, said.append)


def by_program(order: ValidationOrder) -> Found | Rejected | None:
    """What the program says in the end; None where it says nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "worker.validation"],
        input=order.model_dump_json().encode() + b"\n",
        capture_output=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    reports = [REPORTS.validate_json(line) for line in done.stdout.splitlines()]
    return reports[-1] if reports and not isinstance(reports[-1], Progress) else None
