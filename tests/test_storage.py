"""Every behaviour of a storage in a folder and in a bucket; S3 is moto's server, reached over HTTP."""

import errno
import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

import storage as storage_module
import training.durable
from storage import FileDamaged, Storage, StoredFile

pytest_plugins = ("tests.storage_fixtures",)

ROOT = Path(__file__).parent.parent
NAME = "01JOB/attempt-0001/weights.safetensors"


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/not yet there"


@pytest.fixture(params=["file_url", "s3_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def storage(url: str) -> Storage:
    return Storage(url)


def run(code: str, url: str, *, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own, which has the storage's address and NAME as `url` and `name`, started by
    the command `under`."""
    opening = "import os, sys\nfrom storage import Storage\nurl, name = sys.argv[1:]\n"
    return subprocess.run(
        [*under, sys.executable, "-c", opening + code, url, NAME],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def every_action(storage: Storage, name: str) -> list[Callable[[], object]]:
    return [
        lambda: storage.put(name, b"new"),
        lambda: storage.put(name, bytes(2 * storage_module.PART_BYTES)),
        lambda: storage.read(name),
        lambda: storage.stream(name),
        lambda: storage.delete([name]),
        lambda: storage.list_names(name),
    ]


def test_what_is_put_is_read(storage: Storage) -> None:
    content = os.urandom(100_000)
    file = storage.put(NAME, content)
    assert file == StoredFile(NAME, 100_000, sha256(content).hexdigest())
    assert storage.read(NAME) == content
    assert storage.read_verified(file) == content


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    file = storage.put(NAME, b"")
    assert storage.read_verified(file) == b""
    assert b"".join(storage.stream(NAME)) == b""


def test_what_is_put_again_is_replaced(storage: Storage) -> None:
    old = storage.put(NAME, b"old")
    new = storage.put(NAME, b"newer")
    assert storage.read_verified(new) == b"newer"
    assert storage.list_names("01JOB") == [NAME]
    with pytest.raises(FileDamaged):
        storage.read_verified(old)


def test_a_file_that_takes_several_parts_and_blocks(storage: Storage) -> None:
    content = os.urandom(2 * storage_module.PART_BYTES + 1)
    file = storage.put(NAME, content)
    assert storage.read_verified(file) == content
    blocks = list(storage.stream(NAME))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) == storage_module.BLOCK_BYTES


def test_a_file_that_comes_in_pieces_is_there_whole_or_not_at_all(storage: Storage) -> None:
    pieces = [os.urandom(9 * 2**20) for _ in range(4)]
    stored = storage.put_pieces(NAME, iter(pieces))
    assert storage.read_verified(stored) == b"".join(pieces)
    assert stored.size_bytes == 36 * 2**20

    def broken() -> Iterator[bytes]:
        yield from pieces[:3]
        raise ZeroDivisionError

    for name in (NAME, "01JOB/attempt-0001/other"):
        with pytest.raises(ZeroDivisionError):
            storage.put_pieces(name, broken())
    assert storage.put_pieces("01JOB/attempt-0001/small", [b"a", b"b"]).size_bytes == 2
    gc.collect()
    assert storage.list_names("01JOB") == ["01JOB/attempt-0001/small", NAME]
    assert storage.read_verified(stored) == b"".join(pieces)


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, 5), (5, 4 * 2**20), (4 * 2**20 - 1, 2), (6 * 2**20, None), (6 * 2**20, 10**9), (1, 0)],
)
def test_a_part_of_a_file(storage: Storage, start: int, length: int | None) -> None:
    content = os.urandom(6 * 2**20 + 1)
    storage.put(NAME, content)
    expected = content[start:] if length is None else content[start : start + length]
    assert b"".join(storage.stream(NAME, start, length)) == expected


@pytest.mark.parametrize("reads", [Storage.read, Storage.stream])
def test_a_missing_file_is_said_at_once(reads: Callable[[Storage, str], object], storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        reads(storage, NAME)
    storage.put("01JOB/attempt-0001/other", b"")
    with pytest.raises(FileNotFoundError):
        reads(storage, NAME)


def test_a_missing_file_is_not_a_damaged_one(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read_verified(StoredFile(NAME, 3, sha256(b"old").hexdigest()))


@pytest.mark.parametrize("content", [b"ole", b"ol", b"old!", b""])
def test_a_damaged_file_is_said_and_named(content: bytes, storage: Storage) -> None:
    file = storage.put(NAME, b"old")
    storage.put(NAME, content)
    with pytest.raises(FileDamaged, match=NAME):
        storage.read_verified(file)


class CutShortOnce(Storage):
    reads = 0

    def read(self, name: str) -> bytes:
        self.reads += 1
        content = super().read(name)
        return content[:-1] if self.reads == 1 else content


def test_a_file_is_read_a_second_time_before_it_counts_as_damaged(file_url: str) -> None:
    storage = CutShortOnce(file_url)
    assert storage.read_verified(storage.put(NAME, b"old")) == b"old"
    assert storage.reads == 2


def test_what_lies_below_a_folder_is_listed_by_whole_names(storage: Storage) -> None:
    names = ["01JOB/attempt-0001/epoch-0001-step-000000.safetensors", "01JOB/attempt-0002/weights.safetensors"]
    for name in (*reversed(names), "01JOBS/attempt-0001/weights.safetensors"):
        storage.put(name, b"")
    assert storage.list_names("01JOB") == names
    assert storage.list_names("01JOB/attempt-0002") == names[1:]
    assert storage.list_names("01JO") == []
    assert storage.folders() == ["01JOB", "01JOBS"]


def test_a_storage_that_nothing_was_put_into_is_empty(storage: Storage) -> None:
    assert storage.list_names("01JOB") == []
    assert storage.folders() == []


def test_no_listing_is_remembered(storage: Storage, url: str) -> None:
    another = Storage(url)
    for known in ([], [NAME], []):
        assert storage.list_names("01JOB") == known
        assert storage.folders() == [name.split("/")[0] for name in known]
        another.delete([NAME]) if known else another.put(NAME, b"")


def test_what_is_deleted_is_gone_with_its_folders_and_nothing_else(storage: Storage) -> None:
    other = "01JOB/attempt-0002/weights.safetensors"
    for name in (NAME, other):
        storage.put(name, b"")
    storage.delete([NAME, "01JOB/attempt-0001/missing", "02JOB/attempt-0001/missing"])
    assert storage.list_names("01JOB") == [other]
    storage.delete([other])
    assert storage.folders() == []


def test_a_folder_that_is_emptied_vanishes(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/storage")
    storage.put(NAME, b"")
    storage.put("01JOB/attempt-0002/weights.safetensors", b"")
    storage.delete([NAME])
    assert [path.name for path in (tmp_path / "storage/01JOB").iterdir()] == ["attempt-0002"]
    storage.delete(["01JOB/attempt-0002/weights.safetensors"])
    assert list((tmp_path / "storage").iterdir()) == []


def test_a_folder_that_vanishes_in_mid_put_is_made_again(file_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(file_url)
    storage.put(NAME, b"old")
    deletions = iter([[NAME]])

    def write_late(path: Path, content: bytes) -> None:
        storage.delete(next(deletions, []))
        training.durable.write_durably(path, content)

    monkeypatch.setattr(storage_module, "write_durably", write_late)
    storage.put(NAME, b"new")
    assert storage.read(NAME) == b"new"


@pytest.mark.parametrize(
    "name",
    ["", "/", "/etc/passwd", "..", "../x", "01JOB/../../x", "01JOB//x", "01JOB/", "./x", "a\\b", "a\0b", "a b", "ä",
     "x?versionId=1", "a\n"],
)  # fmt: skip
def test_a_name_that_could_lie_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    for storage in (Storage(f"file://{tmp_path}/storage"), Storage("s3://bucket/prefix")):
        for action in every_action(storage, name):
            with pytest.raises(ValueError, match="is no name of a stored file"):
                action()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["", "data", "/data", "file://", "file:///", "file://data", "file://host/data", "s3://", "s3:///prefix",
     "s3://key:secret@bucket", "s3://bucket/../other", "s3://bucket//prefix", "gs://bucket", "https://bucket"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="should be file:///an/absolute/folder, s3://bucket or s3:") as raised:
        Storage(url)
    assert "secret" not in str(raised.value)


def test_a_bucket_may_be_all_of_a_storage(s3_url: str) -> None:
    storage = Storage(s3_url.rpartition("/")[0])
    storage.put(NAME, b"whole")
    assert storage.list_names("01JOB") == [NAME]
    assert "01JOB" in storage.folders()
    storage.delete([NAME])


def test_two_processes_see_each_others_files_at_once(storage: Storage, url: str) -> None:
    assert storage.list_names("01JOB") == []
    done = run("Storage(url).put(name, b'theirs')", url)
    assert done.returncode == 0, done.stderr
    assert storage.list_names("01JOB") == [NAME]
    assert storage.read(NAME) == b"theirs"

    storage.put(NAME, b"ours")
    done = run("print(Storage(url).read(name), Storage(url).list_names('01JOB') == [name])", url)
    assert done.stdout == "b'ours' True\n", done.stderr


# A fork that is not well within seconds never will be.
FORKED = """
import signal
{before}
child = os.fork()
if not child:
    signal.alarm(60)
    file = storage.put(name, b"of the fork")
    os._exit(storage.read_verified(file) != b"of the fork")
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert storage.read(name) == b"of the fork"
sys.exit(code)
"""


@pytest.mark.parametrize(
    "before",
    [
        "import fsspec, s3fs; storage = Storage(url)",
        "storage = Storage(url); storage.put(name, b'of the parent')",
    ],
    ids=["imported", "used"],
)
def test_a_fork_has_connections_of_its_own(before: str, url: str) -> None:
    done = run(FORKED.format(before=before), url)
    assert done.returncode == 0, done.stderr


def test_importing_is_cheap_and_starts_no_thread() -> None:
    done = run(
        "import threading; print({'fsspec', 's3fs', 'botocore', 'aiohttp', 'torch'} & set(sys.modules))\n"
        "Storage(url); import s3fs; print(threading.active_count())",
        "s3://bucket",
    )
    assert done.stdout == "set()\n1\n", done.stderr


KILLED_IN_MID_WRITE = """
import signal
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
Storage(url).put(name, b"new" * 100_000)
"""


def test_a_writer_that_is_killed_leaves_the_old_file_and_a_leftover_that_is_listed(file_url: str) -> None:
    storage = Storage(file_url)
    old = storage.put(NAME, b"old")
    assert run(KILLED_IN_MID_WRITE, file_url).returncode == -9

    assert storage.read_verified(old) == b"old"
    leftover, name = storage.list_names("01JOB")
    assert name == NAME
    assert leftover.startswith("01JOB/attempt-0001/.weights.safetensors.")
    storage.delete([leftover])
    assert storage.list_names("01JOB") == [NAME]


FULL_DISK = """
storage = Storage(url)
old = storage.put(name, b"old")
try:
    storage.put(name, bytes(2_000_000))
except OSError as error:
    print(error.errno, storage.read_verified(old), storage.list_names("01JOB") == [name])
"""


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(tmp_path)]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True, timeout=240)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets nobody mount a small disk in a namespace of its own")
    done = run(FULL_DISK, f"file://{tmp_path}", under=mount)
    assert done.stdout == f"{errno.ENOSPC} b'old' True\n", done.stderr


def test_a_folder_that_cannot_be_read_does_not_pass_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "01JOB").write_bytes(b"")
    with pytest.raises(OSError, match="01JOB"):
        Storage(f"file://{tmp_path}").list_names("01JOB")


def test_a_missing_bucket_is_named_and_is_no_missing_file(s3_server: str) -> None:
    storage = Storage("s3://no-such-bucket/prefix")
    for action in (*every_action(storage, NAME), storage.folders):
        with pytest.raises(OSError, match="There is no bucket no-such-bucket") as raised:
            action()
        assert raised.value.errno == errno.ENXIO


def test_an_s3_that_is_gone_is_said(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    storage = Storage(s3_url)
    for action in (*every_action(storage, NAME), storage.folders):
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            action()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def test_an_s3_that_does_not_answer_is_given_up(s3_url: str, silent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = storage_module.TRIES * (storage_module.CONNECT_SECONDS + storage_module.READ_SECONDS)
    assert longest <= 70
    unheeded = storage_module.TRIES * storage_module.READ_SECONDS
    monkeypatch.setattr(storage_module, "READ_SECONDS", 0.2)
    monkeypatch.setattr(storage_module, "CONNECT_SECONDS", 0.2)
    storage = Storage(s3_url)
    for action in (*every_action(storage, NAME), storage.folders):
        start = time.monotonic()
        with pytest.raises(OSError, match=r"(?i)time[d ]*out"):
            action()
        assert time.monotonic() - start < unheeded


@pytest.mark.parametrize(("variable", "value"), [("AWS_ENDPOINT_URL", "nonsense"), ("AWS_ACCESS_KEY_ID", None)])
def test_an_environment_that_leads_nowhere_is_said(
    variable: str, value: str | None, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if value:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.delenv(variable)
    with pytest.raises(OSError, match=s3_url):
        Storage(s3_url).put(NAME, b"new")


def test_a_download_is_of_one_version_of_a_file(s3_url: str) -> None:
    storage = Storage(s3_url)
    storage.put(NAME, bytes(2 * storage_module.BLOCK_BYTES))
    blocks = storage.stream(NAME)
    next(blocks)
    storage.put(NAME, os.urandom(2 * storage_module.BLOCK_BYTES))
    with pytest.raises(OSError, match=NAME):
        next(blocks)


def test_threads_share_a_storage(storage: Storage) -> None:
    names = [f"01JOB/attempt-0001/file-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        files = list(threads.map(lambda name: storage.put(name, name.encode()), names))
        assert list(threads.map(storage.read_verified, files)) == [name.encode() for name in names]
    assert storage.list_names("01JOB") == sorted(names)
