"""Checks an archive on this machine as the service would, before it is uploaded."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from training.archives.limits import Limits
from training.archives.members import Member, Skipped
from training.archives.reading import read_members
from training.dataset_check.assembly import Assembled, Members, SplitRule, assemble
from training.dataset_check.examining import Examined, examine
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.images.decoding import strict_pillow

CHUNK, CHUNK_BYTES = 256, 32 * 2**20  # images, and their bytes, that one thread looks at
THREADS = 2  # Pillow releases the interpreter's lock for a part of its work: more gain little


def check(
    file: BinaryIO,
    size: int,
    rule: SplitRule = SplitRule(),
    say: Callable[[int], None] = lambda _done: None,
    largest_image_megapixels: int = LARGEST_IMAGE_MEGAPIXELS,
) -> Assembled:
    """What the service would make of an archive of `size` bytes, by the same code. `say` is told now and then how many
    images were looked at. Raises DatasetInvalid where it would be refused.

    The service decodes in processes with bounds on memory and time. Here there are none: check what is your own.
    """
    members, skipped, tables = Members(), Skipped(), dict[str, bytes]()
    examined, waiting = list[Examined](), list[Future[Examined]]()
    chunk = list[Member]()

    def hand_over(pool: ThreadPoolExecutor) -> None:
        first = len(members.names) - len(chunk)
        contents = [member.content for member in chunk]
        waiting.append(pool.submit(examine, contents, [len(content) for content in contents], first))
        chunk.clear()
        if len(waiting) > THREADS:
            examined.append(waiting.pop(0).result())
            say(first)

    with strict_pillow(largest_image_megapixels), ThreadPoolExecutor(THREADS) as pool:
        for member in read_members(file, size, Limits(), skipped, tables):
            members.add(member)
            chunk.append(member)
            if len(chunk) >= CHUNK or sum(len(each.content) for each in chunk[-8:]) >= CHUNK_BYTES:
                hand_over(pool)
        hand_over(pool)
        examined += [each.result() for each in waiting]
    return assemble(members, tables, skipped, examined, rule)
