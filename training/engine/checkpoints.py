"""A run's state as bytes: tensors as safetensors, everything else as JSON. Nothing is ever unpickled.

A checkpoint is one `.safetensors` file. Its metadata has one entry, with the JSON and a checksum of all content, by
which damage on the disk is detected. The bytes are a function of the state alone.
"""

import json
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.durable import write_durably
from training.weights_format import ENTRY, described, seal, unseal

_HEADER_LENGTH = 8  # bytes, little-endian; then the header, which is JSON (the format of safetensors)


class CheckpointInvalid(ValueError):
    """The content is not a checkpoint, is damaged, or is not whole."""


class AnotherRun(CheckpointInvalid):
    """The checkpoint is not damaged, but its run cannot be resumed here, from this checkpoint or any other of its."""


def pack(state: Mapping[str, Any]) -> bytes:
    """`state`, of tensors, numbers, strings, booleans, None, lists and mappings, as a file's content.

    NaN and infinities are numbers. Tuples come back as lists; tensors come back contiguous, and do not share memory.
    Equal states give equal bytes, in any process. Raises TypeError where anything else is in `state`.
    """
    tensors: dict[str, Tensor] = {}
    plain = json.dumps(_take_tensors(state, tensors, ""))
    return pack_tensors(tensors, plain)


def unpack(content: bytes, source: str = "the content") -> dict[str, Any]:
    """What `pack` was given, tensors on the CPU. Raises CheckpointInvalid, whose message names `source`."""
    tensors, plain = unpack_tensors(content, source)
    state: dict[str, Any] = _put_tensors(json.loads(plain), tensors)
    return state


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write `state`, packed, to `path`. A file that is there is replaced atomically. Raises OSError, and TypeError as
    `pack` does."""
    write_durably(path, pack(state))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, tensors on the CPU. Raises CheckpointInvalid, and OSError where there is none."""
    return unpack(path.read_bytes(), str(path))


def pack_tensors(tensors: dict[str, Tensor], plain: str) -> bytes:
    """A file's content, of `tensors`, on the CPU and contiguous, and of the JSON `plain`, without line breaks."""
    from safetensors.torch import save  # here, since what saves nothing, such as most benchmarks, needs no safetensors

    _unshare_memory(tensors)
    return save(tensors, metadata={ENTRY: seal(_checksum(plain, tensors), plain)})


def unpack_tensors(content: bytes, source: str) -> tuple[dict[str, Tensor], str]:
    """What `pack_tensors` was given. Raises CheckpointInvalid, whose message names `source`."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        length = int.from_bytes(content[:_HEADER_LENGTH], "little")
        metadata = json.loads(content[_HEADER_LENGTH : _HEADER_LENGTH + length])["__metadata__"]
        checksum, plain = unseal(metadata)
    except (SafetensorError, KeyError) as error:
        raise CheckpointInvalid(f"{source} is not a checkpoint, or is damaged: {error}") from error
    if _checksum(plain, tensors) != checksum:
        raise CheckpointInvalid(f"{source} is damaged: its checksum is not that of its content")
    return tensors, plain


class CheckpointWriter:
    """Stores checkpoints in a thread. Training waits while the state is copied, and until the checkpoint before is
    stored."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being stored, so that `save` would wait."""
        return self._thread is not None and self._thread.is_alive()

    def save(self, state: Mapping[str, Any], store: Callable[[bytes], None]) -> None:
        """Copy `state`. Then, in the thread, pack the copy and call `store` with its content, while the caller goes on.

        Raises what storing the checkpoint before has raised; then this one is not saved.
        """
        self.wait()
        self._thread = threading.Thread(target=self._store, args=(_copied(state), store), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait until no checkpoint is being stored. Raises, once, what packing or `store` has raised."""
        if self._thread:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error:
            raise error

    def _store(self, state: Mapping[str, Any], store: Callable[[bytes], None]) -> None:
        try:
            store(pack(state))
        except Exception as error:  # the next call of `save` or `wait` raises it
            self._error = error


def _take_tensors(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """`value` as JSON. Each tensor is moved to `tensors`, by its path, and replaced by a reference.

    Mappings become lists of pairs, since the keys of an optimizer's state are numbers.
    """
    match value:
        case Tensor():
            while name in tensors:  # {"a/b": …, "a": {"b": …}}
                name += "'"
            tensors[name] = value.detach().cpu().contiguous()
            return {"tensor": name}
        case Mapping():
            for key in value:
                _require_plain(key, f"a key of {name or 'the state'}")
            return {"pairs": [[key, _take_tensors(each, tensors, f"{name}/{key}")] for key, each in value.items()]}
        case list() | tuple():
            return [_take_tensors(each, tensors, f"{name}/{place}") for place, each in enumerate(value)]
        case _:
            _require_plain(value, name)
            return value


def _require_plain(value: object, what: str) -> None:
    """Raises TypeError unless `value` is one that JSON gives back unchanged."""
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise TypeError(f"{what} is {value!r}, of type {type(value).__name__}, which a checkpoint does not hold")


def _unshare_memory(tensors: dict[str, Tensor]) -> None:
    """Copy tensors that share memory with another one, since safetensors refuses them."""
    taken: set[int] = set()
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        if memory in taken:
            tensors[name] = tensor.clone()
        taken.add(memory)


def _checksum(plain: str, tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 of all content. `tensors` are contiguous and on the CPU."""
    digest = sha256(plain.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(described(name, str(tensor.dtype).removeprefix("torch."), tensor.shape))
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _put_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    match value:
        case {"tensor": name}:
            return tensors[name]
        case {"pairs": pairs}:
            return {key: _put_tensors(each, tensors) for key, each in pairs}
        case list():
            return [_put_tensors(each, tensors) for each in value]
        case _:
            return value


def _copied(value: Any) -> Any:
    """The same with every tensor copied to the host."""
    match value:
        case Tensor():
            return value.detach().to("cpu", copy=True)
        case Mapping():
            return {key: _copied(each) for key, each in value.items()}
        case list() | tuple():
            return [_copied(each) for each in value]
        case _:
            return value
