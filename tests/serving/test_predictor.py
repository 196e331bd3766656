"""What a predictor answers, and what it costs others."""

import io
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serving import (
    Busy,
    Closed,
    ImageRefused,
    Limits,
    ModelUnavailable,
    ModelUnusable,
    Prediction,
    Predictor,
    ServedModel,
)
from serving.onnx_session import session_bytes
from storage import Storage, StoredFile
from tests.serving.onnx_models import FORM, colour_network, served
from training.images.decoding import Form, decode_image, open_image, strict_pillow

SECONDS = 20.0  # far more than any answer here takes


def picture(colour: str = "red") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(content, "PNG")
    return content.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    """A PNG of some bytes that says it is `side` pixels wide and high, and holds one row of them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(side + 1))) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def predictor() -> Iterator[Predictor]:
    with Predictor(Limits(threads=1)) as predictor:
        yield predictor


def labels(answer: object) -> list[str]:
    assert isinstance(answer, Prediction), answer
    return [each.label for each in answer.labels]


def test_images_are_answered_in_their_order(predictor: Predictor) -> None:
    colours = ["red", "blue", "lime", "blue"]  # "lime" is Pillow's pure green
    answers = predictor.submit(served(), [picture(each) for each in colours], top=2).result(SECONDS).images
    assert [labels(each)[0] for each in answers] == ["red", "blue", "green", "blue"]
    assert [len(labels(each)) for each in answers] == [2] * 4
    first = answers[0]
    assert isinstance(first, Prediction)
    assert first.logits == pytest.approx([10, 0, 0])
    assert first.probabilities == pytest.approx(np.array([1, np.exp(-10), np.exp(-10)]) / (1 + 2 * np.exp(-10)))
    assert first.labels[0].probability == pytest.approx(float(first.probabilities[0]))


def test_probabilities_are_those_at_the_temperature(predictor: Predictor) -> None:
    [answer] = predictor.submit(served(temperature=10.0), [picture()]).result(SECONDS).images
    assert isinstance(answer, Prediction)
    assert answer.logits == pytest.approx([10, 0, 0])
    assert answer.probabilities[0] == pytest.approx(np.e / (np.e + 2))


def test_a_bad_image_does_not_spoil_the_others(predictor: Predictor) -> None:
    cut_off = picture()[:-30]
    bad = [b"<html>", b"", cut_off, bomb(50_000), bomb(9_000), picture()[:20]]
    images = [picture("red"), *bad, picture("blue")]
    answers = predictor.submit(served(), images).result(SECONDS).images
    assert [labels(answers[0])[0], labels(answers[-1])[0]] == ["red", "blue"]
    reasons = [each.reason for each in answers[1:-1] if isinstance(each, ImageRefused)]
    assert len(reasons) == len(bad)
    assert "2,500.0 megapixels" in reasons[3]
    assert "81.0 megapixels to decode" in reasons[4]
    assert not any("0x" in reason or "BytesIO" in reason for reason in reasons)


def test_bound_on_pixels_holds_whatever_others_set(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor.submit(served(), [picture()]).result(SECONDS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    [answer] = predictor.submit(served(), [bomb(50_000)]).result(SECONDS).images
    assert isinstance(answer, ImageRefused)
    assert "the largest images that are read have 256" in answer.reason


def hostile() -> dict[str, bytes]:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (30, 50, 3), dtype=np.uint8)
    image, exif = Image.fromarray(noise), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    files: dict[str, bytes] = {}

    def save(name: str, image: Image.Image, form: str, **options: Any) -> None:
        content = io.BytesIO()
        image.save(content, form, **options)
        files[name] = content.getvalue()

    save("rotated", image, "JPEG", exif=exif)
    save("cmyk", image.convert("CMYK"), "JPEG")
    save("16 bits", Image.fromarray(random.integers(0, 65536, (30, 50), dtype=np.uint16)), "PNG")
    save("transparent palette", image.quantize(8), "PNG", transparency=3)
    save("alpha", image.convert("RGBA").rotate(30), "WEBP", lossless=True)
    save("animated", image, "GIF", save_all=True, append_images=[Image.new("RGB", (50, 30), "lime")])
    return files


@pytest.mark.parametrize("form", [FORM, Form(16, 1, "pad"), Form(16, 3, "stretch")], ids=lambda form: form.resize)
def test_pictures_are_decoded_as_training_does(predictor: Predictor, form: Form) -> None:
    files = hostile()
    answers = predictor.submit(served(form=form), list(files.values())).result(SECONDS).images
    with strict_pillow():
        for name, content, answer in zip(files, files.values(), answers, strict=True):
            with open_image(content) as image:
                pixels = decode_image(image, form)
            assert isinstance(answer, Prediction), name
            assert answer.logits == pytest.approx(pixels.mean(axis=(0, 1)) / 25.5, abs=1e-4), name


def test_activation_map_lies_over_the_picture(predictor: Predictor) -> None:
    image = Image.new("RGB", (60, 40))
    image.paste("red", (10, 0, 20, 10))  # the upper left corner of the square that the network sees
    content = io.BytesIO()
    image.save(content, "PNG")
    answers = predictor.submit(served(), [content.getvalue(), b"no image"], explain=True).result(SECONDS).images
    assert isinstance(answers[0], Prediction)
    assert answers[0].activation_map is not None
    shown = Image.open(io.BytesIO(answers[0].activation_map))
    assert (shown.format, shown.size, shown.mode) == ("PNG", (60, 40), "RGB")
    pixels = np.asarray(shown).astype(int)  # by row and column
    assert pixels[3, 13, 0] > 3 * pixels[3, 13, 2]
    assert pixels[35, 45, 2] > pixels[35, 45, 0]
    assert pixels[3, 3].tolist() == [0, 0, 0]  # cut off
    assert isinstance(answers[1], ImageRefused)


def test_model_without_maps_explains_nothing(predictor: Predictor) -> None:
    model = served(colour_network(maps=False))
    [answer] = predictor.submit(model, [picture()], explain=True).result(SECONDS).images
    assert isinstance(answer, ImageRefused)
    assert "no activation maps" in answer.reason
    assert labels(predictor.submit(model, [picture()]).result(SECONDS).images[0])[0] == "red"


def test_pixels_are_taken_as_they_are(predictor: Predictor) -> None:
    pixels = np.zeros((3, 16, 16, 3), np.uint8)
    pixels[1, ..., 2] = 255
    answers = predictor.submit_pixels(served(), pixels).result(SECONDS).images
    assert labels(answers[1])[0] == "blue"
    for wrong in (pixels.astype(np.float32), pixels[0], np.zeros((1, 8, 16, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"\[images, 16, 16, 3\]"):
            predictor.submit_pixels(served(), wrong)  # type: ignore[arg-type]  # which is what is tried


class Gate:
    """A file that is read once the gate is open."""

    def __init__(self, content: bytes) -> None:
        self.content, self.opened, self.reads = content, threading.Event(), 0

    def __call__(self) -> bytes:
        self.reads += 1
        assert self.opened.wait(SECONDS)
        return self.content


def gated(**options: Any) -> tuple[Gate, ServedModel]:
    gate = Gate(colour_network())
    return gate, served(gate.content, read=gate, **options)


def test_loaded_once_and_run_together_however_many_ask() -> None:
    gate, model = gated()
    with Predictor(Limits(threads=1)) as predictor:
        futures = [predictor.submit(model, [picture()]) for _ in range(50)]
        time.sleep(0.05)  # all are decoded
        gate.opened.set()
        wait(futures, SECONDS)
        measured = predictor.measures()
    assert gate.reads == 1
    assert all(labels(each.result().images[0])[0] == "red" for each in futures)
    assert measured.images == {"predicted": 50, "refused": 0}
    assert sum(measured.batches.counts) <= 3  # the first of one image, since nobody knows how long it takes
    assert measured.batches.total == 50


def test_models_take_turns_within_the_bound_on_memory() -> None:
    models = [served(colour_network(padding=2**20 + 4 * number), name=f"mdl_{number}") for number in range(5)]
    bound = 2 * session_bytes(models[-1])
    with Predictor(Limits(threads=1, session_bytes=bound)) as predictor:
        futures = [predictor.submit(model, [picture()]) for _ in range(4) for model in models]
        most = 0
        while not all(future.done() for future in futures):
            most = max(most, predictor.measures().session_bytes)
        assert all(labels(each.result().images[0])[0] == "red" for each in futures)
        measured = predictor.measures()
        assert most <= bound
        assert measured.sessions == 2
        assert measured.evictions == measured.loads - 2 >= 3
        too_large = served(colour_network(padding=8 * 2**20))
        with pytest.raises(ModelUnusable, match="20 MiB of memory, and all models together may take 12"):
            predictor.submit(too_large, [picture()])


def test_file_that_is_not_what_was_stored(predictor: Predictor, tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    stored = storage.put("job/model.onnx", colour_network())

    def asked(file: StoredFile) -> Any:
        model = ServedModel.stored(
            storage, file, id="mdl_s", project="first", classes=["a", "b", "c"], input=FORM, temperature=None
        )
        return predictor.submit(model, [picture(), picture()])

    assert labels(asked(stored).result(SECONDS).images[0])[0] == "a"
    storage.put("job/damaged.onnx", b"x" * stored.size_bytes)
    with pytest.raises(ModelUnusable, match="damaged"):
        asked(StoredFile("job/damaged.onnx", stored.size_bytes, "0" * 64)).result(SECONDS)
    with pytest.raises(ModelUnavailable):
        asked(StoredFile("job/gone.onnx", 10, "1" * 64)).result(SECONDS)
    text = storage.put("job/text.onnx", b"no network")
    with pytest.raises(ModelUnusable, match="cannot be loaded"):
        asked(text).result(SECONDS)
    other = storage.put("job/other.onnx", colour_network(32))
    with pytest.raises(ModelUnusable, match="something else"):
        asked(other).result(SECONDS)


def test_project_with_too_much_waiting_is_refused_and_no_other() -> None:
    gate, model = gated()
    with Predictor(Limits(threads=1, waiting_images=10)) as predictor:
        waiting = predictor.submit(model, [picture()] * 9)
        with pytest.raises(Busy, match="9 images of the project"):
            predictor.submit(model, [picture()] * 2)
        others = predictor.submit(served(project="second"), [picture()] * 11)
        assert len(others.result(SECONDS).images) == 11
        gate.opened.set()
        assert len(waiting.result(SECONDS).images) == 9
        assert predictor.submit(model, [picture()] * 10).result(SECONDS)


def test_what_nobody_waits_for_is_dropped() -> None:
    gate, model = gated()
    with Predictor(Limits(threads=1, largest_batch=2)) as predictor:  # a window of 4 decoded images
        dropped = predictor.submit(model, [picture()] * 20)
        kept = predictor.submit(model, [picture("blue")] * 20)
        assert dropped.cancel()
        gate.opened.set()
        assert [labels(each)[0] for each in kept.result(SECONDS).images] == ["blue"] * 20
        measured = predictor.measures()
        assert measured.images["predicted"] == 20
        assert measured.waiting_images == 0


def test_batch_that_takes_too_much_memory_runs_in_parts() -> None:
    model = served(colour_network(width=40_000))  # 41 MB an image, 256 MiB are there
    with Predictor(Limits(threads=1, batch_seconds=1000.0)) as predictor:
        answers = predictor.submit(model, [picture()] * 12).result(SECONDS).images
        assert [labels(each)[0] for each in answers] == ["red"] * 12
        assert predictor.measures().batches.counts[:4] != [12, 0, 0, 0]
        immense = served(colour_network(width=400_000))
        with pytest.raises(ModelUnusable, match="more memory than there is"):
            predictor.submit(immense, [picture()]).result(SECONDS)
        assert predictor.submit(served(), [picture()]).result(SECONDS)


def test_end_of_a_predictor_is_told_to_who_waits() -> None:
    gate, model = gated()
    with Predictor(Limits(threads=1)) as predictor:
        waiting = predictor.submit(model, [picture()])
        threading.Timer(0.1, gate.opened.set).start()
    with pytest.raises(Closed):
        waiting.result(0)
    with pytest.raises(Closed):
        predictor.submit(model, [picture()])


def processor_seconds(threads: int) -> float:
    """Of ten requests with pauses between them."""
    model = served(colour_network(width=2_000))
    with Predictor(Limits(threads=threads)) as predictor:
        predictor.submit(model, [picture()]).result(SECONDS)
        before = time.process_time()
        for _ in range(10):
            predictor.submit(model, [picture()]).result(SECONDS)
            time.sleep(0.03)
        return time.process_time() - before


def test_idle_predictor_takes_no_processor_time() -> None:
    """Threads that wait for the next request by spinning would take all of the pauses, each on its core."""
    assert processor_seconds(threads=4) < 2 * processor_seconds(threads=1) + 0.05
