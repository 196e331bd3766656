"""A run's state in files: tensors as safetensors, everything else as JSON. Nothing is ever unpickled.

A checkpoint is one `.safetensors` file, whose metadata holds the JSON and a checksum of it all. It is written to a
temporary file, synced and renamed, so that a file under its final name is whole; the checksum tells what its disk has
done to it since.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PLAIN = "epochal"  # the metadata's entry
CHECKSUM = "sha256"  # another


class CheckpointInvalid(ValueError):
    """The file is not a checkpoint, or is damaged."""


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write `state`, of tensors, numbers, strings, booleans, None, lists and mappings, to `path`, replacing what is
    there. NaN and infinities are numbers; tuples come back as lists, tensors that share memory as several, laid out
    contiguously. Raises OSError, and TypeError where something else is in `state`."""
    tensors: dict[str, Tensor] = {}
    plain = json.dumps(_take_tensors(state, tensors, ""))
    write_file(path, tensors, plain)


def write_file(path: Path, tensors: dict[str, Tensor], plain: str) -> None:
    """Replace `path` by a file of `tensors`, on the CPU and contiguous, and of the JSON `plain`; all at once: whoever
    reads it sees the old one or the new one, also after a loss of power. Raises OSError."""
    from safetensors.torch import save  # here, so that whoever writes nothing, as a benchmark, does not need it

    _set_apart(tensors)
    content = save(tensors, metadata={PLAIN: plain, CHECKSUM: _checksum(plain, tensors)})
    written = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, survives a loss of power
    finally:
        os.close(folder)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, tensors on the CPU. Raises CheckpointInvalid, and OSError where there is none."""
    tensors, plain = read_file(path)
    state: dict[str, Any] = _put_tensors(json.loads(plain), tensors)
    return state


def read_file(path: Path) -> tuple[dict[str, Tensor], str]:
    """What `write_file` wrote. Raises CheckpointInvalid, and OSError where there is none."""
    from safetensors import SafetensorError, safe_open

    try:
        # Read, not mapped: the state lives on when the file is overwritten or its disk goes away.
        with safe_open(path, framework="pt", backend="pread") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            plain, checksum = (file.metadata()[entry] for entry in (PLAIN, CHECKSUM))
        if _checksum(plain, tensors) != checksum:
            raise CheckpointInvalid(f"{path} is damaged: its checksum is not that of its content")
    except (SafetensorError, KeyError, TypeError) as error:
        raise CheckpointInvalid(f"{path} is not a checkpoint, or is damaged: {error}") from error
    return tensors, plain


class CheckpointWriter:
    """Writes checkpoints in a thread of its own: training waits for the copy of its state alone, and for the write
    before, should that still go on."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def save(self, state: Mapping[str, Any], path: Path, written: Callable[[Path], None] = lambda path: None) -> None:
        """Copy `state` aside and write it to `path` while the caller goes on; then call `written`, in the thread.

        Raises what the write before has raised, or its `written`; then nothing is saved.
        """
        self.wait()
        thread = threading.Thread(target=self._write, args=(_copied(state), path, written), name="checkpoint")
        thread.start()
        self._thread = thread

    def wait(self) -> None:
        """Until nothing is being written. Raises what the write has raised, or its `written`."""
        if self._thread:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error:
            raise error

    def _write(self, state: Mapping[str, Any], path: Path, written: Callable[[Path], None]) -> None:
        try:
            save_checkpoint(state, path)
            written(path)
        except Exception as error:  # whatever it is, who saves next or waits is to know
            self._error = error


def _take_tensors(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """`value` as JSON, with a reference in place of each tensor, which goes into `tensors` under its path.

    Mappings become lists of pairs, since an optimizer's have numbers for keys.
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
    """Also keys must be: as JSON, a tuple would come back as a list."""
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise TypeError(f"{what} is {value!r}, of type {type(value).__name__}, which a checkpoint does not hold")


def _set_apart(tensors: dict[str, Tensor]) -> None:
    """Copy tensors that lie in another's memory, since safetensors refuses them."""
    taken: set[int] = set()
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        if memory in taken:
            tensors[name] = tensor.clone()
        taken.add(memory)


def _checksum(plain: str, tensors: Mapping[str, Tensor]) -> str:
    """Of all that a checkpoint holds; `tensors` lie on the CPU, contiguously."""
    digest = sha256(plain.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
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
