"""State in files: to the bit, whole or not at all, in bytes that depend on nothing else, and never unpickled."""

import math
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.training.sameness import assert_same
from training.engine.checkpoints import (
    CheckpointInvalid,
    load_checkpoint,
    pack,
    pack_tensors,
    save_checkpoint,
    unpack,
    unpack_tensors,
)

SMALL_LIMIT = 300  # bytes
OF_RELEASE_0_2 = (  # {"weight": torch.tensor([1.0, -2.5])}, with two entries in its metadata
    b'\xd8\0\0\0\0\0\0\0{"__metadata__":{"sha256":"44c1265c4d77b24fa4bdb505aba65cdfc1db8fd3ed93d33b54b53fbeb4d2d41f",'
    b'"epochal":"{\\"architecture\\": {\\"name\\": \\"resnet20\\"}}"},'
    b'"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}       \0\0\x80?\0\0 \xc0'
)
PACKED_OFTEN = """
from hashlib import sha256
import torch
from training.engine.checkpoints import pack
state = {name: {"weight": torch.full((3,), float(place)), "step": place} for place, name in enumerate("hbadgcfe")}
print(*{sha256(pack(state)).hexdigest() for _ in range(20)})
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A write beyond `size` bytes fails half-way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -(2**63),
        2**100,
        0.1,
        -0.0,
        5e-324,
        math.inf,
        -math.inf,
        math.nan,
        "",
        'a "quoted" \\ word, naïve\n\udc80',
        [],
        {},
        (0.9, 0.999),
        [{}, [None, [1.5]]],
        {"tensor": "/a", "pairs": []},
        {0: "zero", "0": "nought", None: 1, 0.5: 2},
    ],
    ids=repr,
)
def test_plain_values_come_back_as_they_were(value: object, path: Path) -> None:
    save_checkpoint({"value": value}, path)
    assert_same(load_checkpoint(path), {"value": value})


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    ],
)
def test_tensors_come_back_to_the_bit(dtype: torch.dtype, path: Path) -> None:
    values = torch.tensor([[0.0, -1.0, 3.0], [1 / 3, 100.0, -0.0]]).to(dtype)
    wide = torch.randn(2, 3, 4, 5).mul(10).to(dtype)
    state = {
        "matrix": values,
        "scalar": values[1, 1],
        "empty": values[:0],
        "transposed": values.T,
        "strided": values[:, ::2],
        "expanded": values[:1].expand(4, 3),
        "channels_last": wide.contiguous(memory_format=torch.channels_last),
        "parts": [wide[0], (wide[1, 2], {7: wide[:, :, 1]})],
    }
    save_checkpoint(state, path)
    assert_same(load_checkpoint(path), state)


def test_the_same_state_gives_the_same_bytes_in_any_process() -> None:
    """A hash map's order may differ from process to process, and from one map to the next."""
    found = [
        subprocess.run(
            [sys.executable, "-c", PACKED_OFTEN],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1]


def test_bytes_are_of_the_state_alone() -> None:
    weights = torch.randn(4, 3)
    state = {"weights": weights, "step": 3}
    assert pack({**state, "weights": weights.T.contiguous().T}) == pack(state)
    assert pack(unpack(pack(state))) == pack(state)
    assert pack({**state, "step": 4}) != pack(state)
    assert pack({**state, "weights": weights + 1}) != pack(state)


def test_content_needs_no_file_and_who_reads_it_says_where_it_is_from() -> None:
    content = pack({"weights": torch.ones(3), "step": 3})
    assert_same(unpack(content), {"weights": torch.ones(3), "step": 3})
    with pytest.raises(CheckpointInvalid, match=r"^the content is"):
        unpack(content[:-1])
    with pytest.raises(CheckpointInvalid, match=r"^job_1/attempt-0002/epoch-0003 is damaged"):
        unpack(content[:-1] + b"x", "job_1/attempt-0002/epoch-0003")


def test_weights_of_release_0_2_can_still_be_read() -> None:
    tensors, plain = unpack_tensors(OF_RELEASE_0_2, "old")
    assert_same(tensors, {"weight": torch.tensor([1.0, -2.5])})
    assert plain == '{"architecture": {"name": "resnet20"}}'
    assert unpack_tensors(pack_tensors(tensors, plain), "new")[1] == plain
    with pytest.raises(CheckpointInvalid, match="old is damaged"):
        unpack_tensors(OF_RELEASE_0_2[:-1] + b"x", "old")


def test_nan_infinity_and_the_sign_of_zero_survive_in_tensors(path: Path) -> None:
    state = {"odd": torch.tensor([math.nan, -math.nan, math.inf, -math.inf, -0.0, 1e-45])}
    save_checkpoint(state, path)
    assert_same(load_checkpoint(path), state)


def test_tensors_that_share_memory_come_back_as_several(path: Path) -> None:
    weight = nn.Parameter(torch.randn(4, 3))
    state = {"tied": [weight, weight], "row": weight[1], "alias": weight.view(3, 4), "all": weight.detach()}
    save_checkpoint(state, path)
    loaded = load_checkpoint(path)
    assert_same(loaded, state)
    loaded["tied"][0].zero_()
    assert loaded["tied"][1].equal(weight)
    assert loaded["all"].equal(weight)


def test_tensors_whose_paths_read_alike_are_kept_apart(path: Path) -> None:
    state = {"a/b": torch.tensor(1), "a": {"b": torch.tensor(2)}, "": {"a": {"b": torch.tensor(3)}}}
    numbered = {1: torch.tensor(4), "1": torch.tensor(5)}
    save_checkpoint({**state, "numbered": numbered}, path)
    assert_same(load_checkpoint(path), {**state, "numbered": numbered})


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({1, 2}, "/part/0"),
        (object(), "object"),
        (b"bytes", "bytes"),
        (1j, "complex"),
        ({(1, 2): 3}, "tuple"),
        (torch.float32, "dtype"),
    ],
    ids=["set", "object", "bytes", "complex", "tuple as key", "dtype"],
)
def test_what_json_would_change_or_lose_is_refused(value: object, named: str, path: Path) -> None:
    with pytest.raises(TypeError, match=named):
        save_checkpoint({"part": [value]}, path)
    assert not list(path.parent.iterdir())


def test_a_failed_write_leaves_the_old_checkpoint_and_nothing_else(path: Path) -> None:
    save_checkpoint({"weights": torch.zeros(3)}, path)
    with files_limited_to(SMALL_LIMIT), pytest.raises(OSError, match="File too large"):
        save_checkpoint({"weights": torch.ones(10_000)}, path)
    assert_same(load_checkpoint(path), {"weights": torch.zeros(3)})
    assert list(path.parent.iterdir()) == [path]


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_old_checkpoint(path: Path) -> None:
    save_checkpoint({"weights": torch.zeros(3)}, path)
    program = f"""
import resource, signal, torch
from pathlib import Path
from training.engine.checkpoints import save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL_LIMIT}, {SMALL_LIMIT}))
save_checkpoint({{"weights": torch.ones(10_000)}}, Path({str(path)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGXFSZ
    halves = [other for other in path.parent.iterdir() if other != path]
    assert [half.stat().st_size for half in halves] == [SMALL_LIMIT]
    assert_same(load_checkpoint(path), {"weights": torch.zeros(3)})


def test_any_flipped_bit_is_found(path: Path) -> None:
    save_checkpoint({"weights": torch.ones(2), "step": 3}, path)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointInvalid):
            load_checkpoint(path)


def test_a_truncated_or_lengthened_file_is_found(path: Path) -> None:
    save_checkpoint({"weights": torch.ones(2), "step": 3}, path)
    content = path.read_bytes()
    for damaged in (*(content[:end] for end in range(len(content))), content + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointInvalid):
            load_checkpoint(path)


def test_another_s_file_is_refused(path: Path) -> None:
    save_file({"weights": torch.ones(2)}, path)
    with pytest.raises(CheckpointInvalid, match="not a checkpoint"):
        load_checkpoint(path)
    save_file({"weights": torch.ones(2)}, path, metadata={"epochal": "{}"})
    with pytest.raises(CheckpointInvalid, match="not a checkpoint"):
        load_checkpoint(path)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def test_nothing_is_unpickled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointInvalid):
        load_checkpoint(path)
    torch.save(Trap(), path)
    with pytest.raises(CheckpointInvalid):
        load_checkpoint(path)
    assert not Path("sprung").exists()
    pickle.loads(pickle.dumps(Trap()))
    assert Path("sprung").exists()


def test_a_missing_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path)


def test_what_was_loaded_outlives_its_file(path: Path) -> None:
    save_checkpoint({"weights": torch.ones(100_000)}, path)
    loaded = load_checkpoint(path)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert loaded["weights"].equal(torch.ones(100_000))
    path.open("wb").close()
    assert loaded["weights"].add_(1).equal(torch.full((100_000,), 2.0))
