"""From an upload to the images of a data set: received, unpacked, decoded and arranged."""

from hashlib import sha256
from pathlib import Path

from training.archives.limits import Limits
from training.archives.members import Skipped
from training.archives.reading import read_members
from training.dataset_check.assembly import Assembled, Members, SplitRule, assemble
from training.errors import DatasetInvalid
from training.names import listed, shown
from worker.validation.decoding import CHUNK, CHUNK_BYTES, MOST_FATAL, DecodingPool, TooManyFatal
from worker.validation.imports import gather
from worker.validation.messages import Progress, ValidationOrder
from worker.validation.patient_storage import PatientStorage
from worker.validation.progress import Course
from worker.validation.shared_budget import SharedBudget


def unpack(order: ValidationOrder, storage: PatientStorage, say: Course) -> tuple[Assembled, Path]:
    """The data set, and the file in which its images lie. Raises DatasetInvalid, StorageFailed, and
    OSError where a disk is full."""
    archive = order.folder / "upload"
    if order.source is not None:
        gather(order, archive, say)
    else:
        _receive(order, storage, archive, say)
    pack = order.folder / "images"
    budget = SharedBudget(order.folder / "budget")
    pool = DecodingPool(pack, order.folder, order.processes, order.largest_image_megapixels, budget)
    members, skipped, tables = Members(), Skipped(), dict[str, bytes]()
    try:
        _unpack(archive, pack, pool, members, skipped, tables, say)
        for done in pool.join():
            say(Progress(stage="decoding", done=done, total=len(members.names)))
    except TooManyFatal as error:
        told = listed([f"{shown(members.names[row])} ({why})" for row, why in error.reasons.items()], MOST_FATAL)
        raise DatasetInvalid(
            f"There are more than {MOST_FATAL} images that end what decodes them: {told}.",
            "Remove these and others like them, or save them again as PNG or JPEG.",
        ) from error
    finally:
        pool.close()
    archive.unlink()
    say(Progress(stage="comparing", done=0, total=len(members.names)))
    rule = SplitRule(order.test_fraction, order.seed)
    return assemble(members, tables, skipped, pool.done, rule), pack


def _receive(order: ValidationOrder, storage: PatientStorage, archive: Path, say: Course) -> None:
    """Put the parts together, as they were stored. Raises DatasetInvalid where they are not what the client meant."""
    total, received, digest = sum(part.size_bytes for part in order.upload), 0, sha256()
    with archive.open("xb") as file:
        for part in order.upload:
            try:
                content = storage.read_verified(part)
            except FileNotFoundError as error:
                raise DatasetInvalid("A part of what was stored of the upload is gone.", "Upload it again.") from error
            digest.update(content)
            file.write(content)
            received += len(content)
            say(Progress(stage="receiving", done=received, total=total))
    if order.sha256 is not None and digest.hexdigest() != order.sha256:
        raise DatasetInvalid(
            f"What arrived has the SHA-256 {digest.hexdigest()}, and {order.sha256} was stated.",
            "Upload it again: the file was damaged on its way, or has changed meanwhile.",
        )


def _unpack(
    archive: Path,
    pack: Path,
    pool: DecodingPool,
    found: Members,
    skipped: Skipped,
    tables: dict[str, bytes],
    say: Course,
) -> None:
    begun, begun_bytes = 0, 0

    def decode() -> None:
        for _ in pool.add(begun, found.files[begun:]):
            say(Progress(stage="unpacking", done=len(found.files)))

    with archive.open("rb") as source, pack.open("xb", buffering=0) as images:
        for member in read_members(source, archive.stat().st_size, Limits(), skipped, tables):
            images.write(member.content)
            found.add(member)
            begun_bytes += len(member.content)
            if len(found.files) - begun >= CHUNK or begun_bytes >= CHUNK_BYTES:
                decode()
                begun, begun_bytes = len(found.files), 0
                say(Progress(stage="unpacking", done=len(found.files)))
    if begun < len(found.files):
        decode()
