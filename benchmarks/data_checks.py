"""What the checks of a data set find: 1 % of each fault is planted in CIFAR-100 and in photographs, and looked for.

    make bench-checks OPTIONS='--photographs FOLDER'

FOLDER has one folder for each source, named by package and version, with photographs in it; they are cut into images of
224 to 500 pixels. Those of gcompris-qt-data are WebP files that lie in its .rcc files as they are.

What they find among the images as they were is counted apart: CIFAR-100 itself has images that are in both splits.
`--sheet FILE` draws these pairs, for a person to judge.
"""

import argparse
import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from benchmarks.result import print_table, save
from training.image_checks import TEST, TRAIN, Duplicates, Measurer, duplicates_of, make_report

SHARE, LEAST = 0.01, 60  # of each fault: of the images, and at least so many
SMALL = 64  # pixels: below, a crop is enlarged to the image's size again, as a data set of one size has it
SEED = 0

Rng = np.random.Generator
Sources = dict[str, dict[str, int]]  # by package and version, how many photographs and images
Change = Callable[[Image.Image, Rng], Image.Image]


def recompressed(image: Image.Image, rng: Rng) -> Image.Image:
    """As a JPEG of quality 40 to 90."""
    file = io.BytesIO()
    image.save(file, "jpeg", quality=int(rng.integers(40, 91)))
    return Image.open(file).convert("RGB")


def cropped(image: Image.Image, rng: Rng) -> Image.Image:
    """By 3 % to 10 % of each side, anywhere."""
    share = 1 - rng.uniform(0.03, 0.10)
    width, height = image.width * share, image.height * share
    left, upper = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    box = (left, upper, left + width, upper + height)
    if min(image.size) < SMALL:
        return image.resize(image.size, Image.Resampling.BICUBIC, box)
    left, upper, right, lower = map(round, box)
    return image.crop((left, upper, right, lower))


def mirrored(image: Image.Image, rng: Rng) -> Image.Image:
    """And recompressed."""
    return recompressed(ImageOps.mirror(image), rng)


def resized(image: Image.Image, rng: Rng) -> Image.Image:
    """To 50 % to 90 % or 110 % to 150 %, and each side by up to 5 % more or less."""
    scale = rng.uniform(0.5, 0.9) if rng.random() < 0.5 else rng.uniform(1.1, 1.5)
    width, height = (max(8, round(side * scale * rng.uniform(0.95, 1.05))) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def relit(image: Image.Image, rng: Rng) -> Image.Image:
    """Brighter or darker by 15 % to 40 %."""
    change = rng.uniform(0.15, 0.4)
    return ImageEnhance.Brightness(image).enhance(1 + change if rng.random() < 0.5 else 1 - change)


def unchanged(image: Image.Image, rng: Rng) -> Image.Image:
    """An exact copy."""
    return image.copy()


def blurred(image: Image.Image, rng: Rng) -> Image.Image:
    """By a Gaussian of 1 % to 3 % of the shorter side, of a small image 1 to 2 pixels."""
    least, most = (1, 2) if min(image.size) < SMALL else (0.01 * min(image.size), 0.03 * min(image.size))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(least, most)))


def darkened(image: Image.Image, rng: Rng) -> Image.Image:
    """To 10 % to 25 % of its brightness."""
    return ImageEnhance.Brightness(image).enhance(rng.uniform(0.1, 0.25))


def overexposed(image: Image.Image, rng: Rng) -> Image.Image:
    """Black becomes 90 % to 95 % of white."""
    lift = rng.uniform(0.9, 0.95)
    return image.point(lambda level: 255 * lift + level * (1 - lift))


def blank(image: Image.Image, rng: Rng) -> Image.Image:
    """One colour, and one level of noise."""
    levels = rng.integers(1, 255, 3) + rng.integers(-1, 2, (image.height, image.width, 3))
    return Image.fromarray(levels.astype(np.uint8))


@dataclass(frozen=True)
class Fault:
    """`code` of the finding that should name it; `split` of what is planted, and whether its `label` is another."""

    code: str
    change: Change
    split: int = TRAIN
    relabelled: bool = False


FAULTS = {
    "recompressed twin": Fault("leaked_near", recompressed, TEST),
    "cropped twin": Fault("leaked_near", cropped, TEST),
    "mirrored twin": Fault("leaked_near", mirrored, TEST),
    "resized twin": Fault("leaked_near", resized, TEST),
    "relit twin": Fault("leaked_near", relit, TEST),
    "copy in test": Fault("leaked_exact", unchanged, TEST),
    "copy in train": Fault("exact_duplicates", unchanged),
    "relabelled copy": Fault("conflicting_labels", unchanged, relabelled=True),
    "blurred": Fault("blurred", blurred),
    "darkened": Fault("too_dark", darkened),
    "overexposed": Fault("too_bright", overexposed),
    "blank": Fault("blank", blank),
}


@dataclass
class DataSet:
    """`origins` and `faults`: of what was planted, the place of the image that it was made of, and the fault."""

    images: list[Image.Image]
    splits: list[int]
    labels: list[int]
    classes: Sequence[str]
    origins: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def planted(self, rng: Rng) -> "DataSet":
        """With some of each fault behind its images, made of images of train."""
        train = np.flatnonzero(np.array(self.splits) == TRAIN)
        number = max(LEAST, round(SHARE * len(self.images)))
        mended = DataSet(list(self.images), list(self.splits), list(self.labels), self.classes)
        for name, fault in FAULTS.items():
            for origin in rng.permutation(train)[:number].tolist():
                mended.images.append(fault.change(self.images[origin], rng))
                mended.splits.append(fault.split)
                mended.labels.append((self.labels[origin] + fault.relabelled) % len(self.classes))
                mended.origins.append(origin)
                mended.faults.append(name)
        return mended


@dataclass(frozen=True)
class Checked:
    """What was found in a data set: by code, the places of images; and how long it took."""

    duplicates: Duplicates
    found: dict[str, set[int]]
    seconds: dict[str, float]  # of each part
    microseconds: float  # to measure an image


def check(data: DataSet) -> Checked:
    """In one thread."""
    began = time.process_time()
    measurer = Measurer()
    for image in data.images:
        measurer.add(image, mode="RGB", encoded_bytes=0)
    features = measurer.finish()
    measured = time.process_time()
    digests = np.stack([digest(image) for image in data.images])
    ids = [f"{place:08}" for place in range(len(data.images))]
    hashed = time.process_time()
    duplicates = duplicates_of(features, digests, ids)
    paired = time.process_time()
    report = make_report(
        features,
        digests,
        labels=np.array(data.labels),
        splits=np.array(data.splits, np.uint8),
        classes=data.classes,
        ids=ids,
        duplicates=duplicates,
        most_examples=len(ids),
    )
    judged = time.process_time()
    found = {
        finding.code: {int(example.image) for example in finding.examples if example.image}
        for finding in report.findings
    }
    seconds = {"measuring": measured - began, "pairing": paired - hashed, "judging": judged - paired}
    return Checked(duplicates, found, seconds, (measured - began) / len(ids) * 1e6)


def digest(image: Image.Image) -> NDArray[np.uint8]:
    """Of size and pixels."""
    content = str(image.size).encode() + image.tobytes()
    return np.frombuffer(hashlib.sha256(content).digest(), np.uint8)


def rows(before: Checked, after: Checked, data: DataSet) -> list[dict[str, Any]]:
    """One for each fault: planted and found, by the finding that should name it; `wrong`: what else was planted and has
    this finding; `in the original`: what has it among the images as they were."""
    planted = np.arange(len(data.images) - len(data.origins), len(data.images))
    faults = dict(zip(planted.tolist(), data.faults, strict=True))
    told = []
    for name, fault in FAULTS.items():
        found = after.found.get(fault.code, set())
        own = [place for place, other in faults.items() if other == name]
        hits = sum(place in found for place in own)
        wrong = sum(place in found and not deserves(other, fault.code) for place, other in faults.items())
        told.append(
            {
                "fault": name,
                "finding": fault.code,
                "planted": len(own),
                "found": hits,
                "recall": round(hits / len(own), 4),
                "wrong": wrong,
                "precision": round(hits / (hits + wrong), 4) if hits + wrong else None,
                "in the original": len(before.found.get(fault.code, ())),
            }
        )
    return told


def deserves(fault: str, code: str) -> bool:
    """Whether `code` is right of a `fault`: a relabelled copy is a copy, too."""
    return FAULTS[fault].code == code or (fault, code) == ("relabelled copy", "exact_duplicates")


def pairs_of(duplicates: Duplicates) -> set[tuple[int, int]]:
    """Places of images that look alike, the lower first, of each look the first image."""
    groups = ((int(look), place) for place, look in enumerate(duplicates.look.tolist()) if look != place)
    return {*groups, *zip(duplicates.pairs.first.tolist(), duplicates.pairs.second.tolist(), strict=True)}


def wrong_pairs(before: Checked, after: Checked, data: DataSet) -> dict[str, int]:
    """Of the pairs that planting added: how many are of one image or of images that were alike before, and how many
    are not."""
    count = len(data.images) - len(data.origins)
    roots = [*range(count), *data.origins]
    alike = pairs_of(before.duplicates)
    new = [pair for pair in pairs_of(after.duplicates) if max(pair) >= count]
    ends = [tuple(sorted((roots[one], roots[other]))) for one, other in new]
    wrong = sum(one != other and (one, other) not in alike for one, other in ends)
    return {"right": len(new) - wrong, "wrong": wrong, "in the original": len(alike)}


def distances(after: Checked, data: DataSet) -> dict[str, list[int]]:
    """How many twins that were found differ from their image in 0, 1, … bits of the hash."""
    pairs = after.duplicates.pairs
    by_pair = dict(
        zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.distance.tolist(), strict=True)
    )
    look, count = after.duplicates.look.tolist(), len(data.images) - len(data.origins)
    told: dict[str, list[int]] = {}
    for place, (origin, fault) in enumerate(zip(data.origins, data.faults, strict=True), count):
        bits = 0 if look[place] == look[origin] else by_pair.get((look[origin], look[place]))
        if FAULTS[fault].code == "leaked_near" and bits is not None:
            bins = told.setdefault(fault, [0] * 9)
            bins[bits] += 1
    return told


def measured(name: str, data: DataSet, rng: Rng) -> tuple[dict[str, Any], Checked]:
    """A part of the result, and what was found in the images as they were."""
    before = check(data)
    planted = data.planted(rng)
    after = check(planted)
    told = rows(before, after, planted)
    print(f"\n{name}: {len(data.images):,} images, and {len(planted.origins):,} planted")
    print_table(tuple(told[0]), [tuple(str(value) for value in row.values()) for row in told])
    others = {code: len(found) for code, found in before.found.items()}
    result = {
        "name": name,
        "images": len(data.images),
        "faults": told,
        "pairs": wrong_pairs(before, after, planted),
        "distances": distances(after, planted),
        "found in the original": others,
        "seconds of one core": {part: round(seconds, 3) for part, seconds in before.seconds.items()},
        "microseconds to measure an image": round(min(each.microseconds for each in (before, after)), 1),
    }
    print({key: value for key, value in result.items() if key not in ("name", "faults")})
    return result, before


def cifar100() -> DataSet:
    """As it is."""
    from benchmarks.cifar100 import load_cifar100

    dataset = load_cifar100()
    parts = (dataset.train, dataset.test)
    images = [Image.fromarray(pixels) for part in parts for pixels in part.images.numpy()]
    splits = [split for split, part in zip((TRAIN, TEST), parts, strict=True) for _ in range(len(part.labels))]
    labels = [label for part in parts for label in part.labels.tolist()]
    return DataSet(images, splits, labels, dataset.classes)


TILES = 5  # of a large photograph, on its shorter side
LARGE = 900  # pixels of the shorter side
SIDES = (224, 500)  # pixels of a shorter side, from and to


def cuttings(photograph: Image.Image, rng: Rng, *, tiles: bool) -> Iterator[Image.Image]:
    """The whole photograph, and `tiles` of a large one, which do not overlap; none is enlarged."""
    parts = [photograph]
    if tiles and min(photograph.size) >= LARGE:
        side = min(photograph.size) // TILES
        parts += [
            photograph.crop((left, upper, left + side, upper + side))
            for upper in range(0, photograph.height - side + 1, side)
            for left in range(0, photograph.width - side + 1, side)
        ]
    for part in parts:
        scale = min(1.0, rng.integers(*SIDES) / min(part.size))
        size = [round(side * scale) for side in part.size]
        yield part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def photographs(folder: Path, rng: Rng, *, tiles: bool) -> tuple[DataSet, Sources]:
    """A fifth of them in test, in ten classes by chance; and how many there are of each source."""
    images: list[Image.Image] = []
    sources: Sources = {}
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        files, before = sorted(source.iterdir()), len(images)
        for file in files:
            images += cuttings(Image.open(file).convert("RGB"), rng, tiles=tiles)
        sources[source.name] = {"photographs": len(files), "images": len(images) - before}
    splits = np.where(rng.random(len(images)) < 0.2, TEST, TRAIN).tolist()
    labels = rng.integers(0, 10, len(images)).tolist()
    return DataSet(images, splits, labels, [f"class {number}" for number in range(10)]), sources


def draw(data: DataSet, checked: Checked, file: Path, rng: Rng) -> None:
    """A sheet of up to 200 pairs that were found in the original, by chance."""
    pairs = sorted(pairs_of(checked.duplicates))
    chosen = [pairs[place] for place in sorted(rng.permutation(len(pairs))[:200].tolist())]
    sheet = Image.new("RGB", (20 * 140, 10 * 72))
    for number, pair in enumerate(chosen):
        for side, place in enumerate(pair):
            small = data.images[place].resize((66, 66), Image.Resampling.BICUBIC)
            sheet.paste(small, (number % 20 * 140 + side * 67, number // 20 * 72))
    sheet.save(file)


def main() -> None:
    """Measure, print tables, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=Path, metavar="FOLDER")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="FILE-1 is of CIFAR-100")
    arguments = parser.parse_args()
    rng = np.random.default_rng(SEED)
    sets: dict[str, tuple[DataSet, Sources]] = {"CIFAR-100": (cifar100(), {})}
    if arguments.photographs:
        sets["photographs"] = photographs(arguments.photographs, rng, tiles=False)
        sets["photographs and tiles of them"] = photographs(arguments.photographs, rng, tiles=True)
    results = []
    for name, (data, sources) in sets.items():
        result, checked = measured(name, data, rng)
        results.append({**result, "sources": sources})
        if arguments.sheet:
            draw(data, checked, arguments.sheet.with_stem(f"{arguments.sheet.stem}-{len(results)}"), rng)
    print(f"Kept in {save('data_checks', ['numpy', 'pillow'], {'share planted': SHARE, 'data sets': results})}.")


if __name__ == "__main__":
    main()
