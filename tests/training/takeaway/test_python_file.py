"""The generated program: alone with its three packages, and pixel by pixel beside training's own decoding."""

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import compress, crc32

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from tests.training.takeaway.networks import int8_network, manifest
from training.images.decoding import Form, ImageUnreadable, decode_image, open_image
from training.takeaway.python_file import python_file

CLASSES = ['"""\\\nimport os', "cat", "esc\x1b[31m", "\ud800", "eel", "猫"]
LONGEST_LINE = 1001
PACKAGES = ("numpy", "numpy.libs", "onnxruntime", "PIL", "pillow.libs")
IN_A_BARE_ENVIRONMENT = """
import runpy, sys
packages, program, *arguments = sys.argv[1:]
sys.path.insert(0, packages)
sys.argv = [program, *arguments]
runpy.run_path(program, run_name="__main__")
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("program") / "model.py"
    file.write_bytes(python_file(int8_network(32, 3, len(CLASSES)), manifest(32, 3, CLASSES)))
    return file


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"program_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(program: Path, *arguments: str, packages: tuple[str, ...] = PACKAGES) -> subprocess.CompletedProcess[str]:
    """With the standard library and `packages` alone."""
    visible = program.parent / "-".join(("packages", *packages))
    if not visible.exists():
        visible.mkdir()
        site = Path(np.__file__).parents[1]
        for name in packages:
            if (site / name).exists():
                (visible / name).symlink_to(site / name)
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", IN_A_BARE_ENVIRONMENT, str(visible), str(program)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    random = np.random.default_rng(sum(size))
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65536, size[::-1], dtype=np.uint16))
    noise = Image.fromarray(random.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8))
    if mode == "RGBA":
        return noise
    if mode == "LA":
        return Image.merge("LA", (noise.getchannel(0), noise.getchannel(3)))
    return noise.convert("RGB").convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def handmade_png(bits: int, colour: int, transparent: bytes) -> bytes:
    """Of 16 x 16 pixels, which Pillow cannot write so: `bits` a channel, `colour` 0 (grey) or 2 (RGB)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checksum

    row = bits * (3 if colour == 2 else 1) * 16 // 8
    lines = b"".join(b"\0" + bytes((place * 37 + line * 11) % 256 for place in range(row)) for line in range(16))
    lines = lines[:1] + transparent + lines[1 + len(transparent) :]  # of RGB, the first pixel
    head = (16).to_bytes(4, "big") * 2 + bytes([bits, colour, 0, 0, 0])
    parts = [(b"IHDR", head), (b"tRNS", transparent), (b"IDAT", compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def odd_images() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"PNG {mode}", saved(picture(mode, (41, 70)), "PNG")
    yield "transparent grey", saved(picture("L", (33, 20)), "PNG", transparency=7)
    yield "transparent RGB", saved(picture("RGB", (33, 20)), "PNG", transparency=(0, 0, 0))
    grey16 = picture("I;16", (33, 20))
    yield "transparent 16 bits", saved(grey16, "PNG", transparency=int(np.asarray(grey16)[0, 0]))
    yield "transparent palette", saved(picture("P", (33, 20)), "PNG", transparency=2)
    yield "transparent 2 bits", handmade_png(2, 0, b"\0\2")
    yield "transparent 4 bits", handmade_png(4, 0, b"\0\5")
    yield "transparent RGB of 16 bits", handmade_png(16, 2, bytes(range(0, 222, 37)))
    yield "one pixel", saved(picture("RGB", (1, 1)), "PNG")
    yield "very tall", saved(picture("RGB", (5, 900)), "PNG")
    yield "very wide", saved(picture("L", (700, 31)), "BMP")
    yield "CMYK", saved(picture("CMYK", (50, 40)), "JPEG")
    yield "decoded at a half", saved(picture("RGB", (4, 4)).resize((4200, 4110)), "JPEG", quality=50)
    frames = [picture("P", (30, 50)), picture("P", (30, 50))]
    yield "animated", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "WebP", saved(picture("RGBA", (77, 30)), "WEBP")
    yield "TIFF", saved(picture("I;16", (77, 30)), "TIFF")
    yield "PPM", saved(picture("L", (12, 90)), "PPM")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", saved(picture("RGB", (60, 37)), "JPEG", exif=exif)


FORMS = [Form(32, 3, "crop"), Form(33, 1, "pad"), Form(17, 3, "stretch"), Form(224, 1, "crop")]


def test_it_decodes_and_resizes_as_training_does_to_the_bit(tmp_path: Path) -> None:
    modules = []
    for form in FORMS:
        file = tmp_path / f"{form.resize}{form.size}.py"
        file.write_bytes(python_file(b"", manifest(form.size, form.channels, ["a"], resize=form.resize)))
        modules.append(imported(file))
    for name, content in odd_images():
        for form, module in zip(FORMS, modules, strict=True):
            with open_image(content) as image:
                expected = decode_image(image, form)
            assert np.array_equal(module.pixels_of(content), expected), (name, form)


def test_what_training_refuses_is_no_picture_to_it(program: Path) -> None:
    module = imported(program)
    whole = saved(picture("RGB", (64, 64)), "PNG")
    refused = [b"", b"<html>", whole[: len(whole) // 2], saved(Image.new("F", (9, 9)), "TIFF")]
    refused.append(saved(picture("RGB", (9, 9)), "TIFF", tiffinfo={0x00FE: 1}))
    for content in refused:
        with pytest.raises(ImageUnreadable), open_image(content) as image:
            decode_image(image, FORMS[0])
        with pytest.raises(module.NotAPicture):
            module.classify(content)


def test_alone_with_its_packages_it_prints_what_its_network_gives(program: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "notes.txt"
    good.write_bytes(saved(picture("RGB", (90, 50)), "PNG"))
    bad.write_bytes(b"no picture")
    with open_image(good) as image:
        pixels = decode_image(image, FORMS[0])
    network = onnxruntime.InferenceSession(int8_network(32, 3, len(CLASSES)))
    powers = np.exp(network.run(["logits"], {"images": pixels[None]})[0][0] / 1.37)
    shares = powers / powers.sum()
    likeliest = np.argsort(-shares)
    done = run(program, str(good), str(bad), str(tmp_path / "none.png"), "--json", "--top", "3")
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert [each["label"] for each in first["classes"]] == [CLASSES[each] for each in likeliest[:3]]
    assert np.allclose([each["probability"] for each in first["classes"]], shares[likeliest[:3]], atol=1e-5)
    assert second["error"].startswith("it is no image")
    assert third["error"] == "No such file or directory"
    assert done.returncode == 1
    printed = run(program, str(good), "--top", "9")
    assert printed.returncode == 0, printed.stderr
    assert len(printed.stdout.splitlines()) == 1 + len(CLASSES)
    assert "\x1b" not in printed.stdout


def test_without_a_package_it_says_what_to_install(program: Path) -> None:
    done = run(program, "picture.png", packages=("numpy", "numpy.libs"))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        'No module named \'onnxruntime\'. What this needs: pip install "onnxruntime>=1.17" numpy "pillow>=10.1"'
    ]


def test_one_that_was_cut_off_says_so(program: Path, tmp_path: Path) -> None:
    lines = program.read_bytes().splitlines(keepends=True)
    (tmp_path / "short.py").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ValueError, match="cut off"):
        imported(tmp_path / "short.py").classify(saved(picture("RGB", (9, 9)), "PNG"))


def test_its_text_is_for_python_3_9_and_in_short_lines(program: Path) -> None:
    text = program.read_text(encoding="ascii")
    ast.parse(text, feature_version=(3, 9))
    assert max(map(len, text.split("\n"))) <= LONGEST_LINE
    assert tuple(CLASSES) == imported(program).CLASSES
    assert python_file(b"x", manifest(32, 3, CLASSES)) == python_file(b"x", manifest(32, 3, CLASSES))
