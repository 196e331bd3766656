"""The Open Inference Protocol (version 2, over REST), as KServe and Triton speak it, with Triton's extension for binary
tensors. https://github.com/kserve/open-inference-protocol

One input, `images`: UINT8 [n, size, size, channels], pixels that are brought to the network's size already. Outputs:
`logits` and `probabilities`, FP32 [n, classes], and `labels`, BYTES [n], the most probable class of each.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from api.http.bodies import MAX_VALUES, count_values
from api.http.errors import BodyTooLarge, MalformedBody
from api.schemas.predictions import MOST_IMAGES
from serving import Prediction, Predictions, ServedModel

if TYPE_CHECKING:
    from training.images.decoding import Form

IMAGES = "images"
PLATFORM = "onnxruntime_onnx"
HEADER_LENGTH = "Inference-Header-Content-Length"
# A list of numbers takes thirty times as long to read as the bytes themselves, with the interpreter's lock held.
MOST_JSON_BYTES = 2 * 2**20
MOST_DIGITS = 12  # of a length; int() raises for thousands

OutputName = Literal["logits", "probabilities", "labels"]


class _Strict(BaseModel):
    """What is not known is refused, and nothing is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _InputParameters(_Strict):
    binary_data_size: Annotated[StrictInt, Field(ge=0)] | None = None


class _Input(_Strict):
    name: Literal["images"]
    datatype: Literal["UINT8"]
    shape: Annotated[list[Annotated[StrictInt, Field(ge=1, le=2**20)]], Field(min_length=4, max_length=4)]
    parameters: _InputParameters = _InputParameters()


class _OutputParameters(_Strict):
    binary_data: StrictBool | None = None


class _Output(_Strict):
    name: OutputName
    parameters: _OutputParameters = _OutputParameters()


class _Parameters(_Strict):
    binary_data_output: StrictBool = False


class _Request(_Strict):
    id: str | None = None
    parameters: _Parameters = _Parameters()
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[_Output], Field(max_length=3)] = []


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """`pixels`: uint8 [n, size, size, channels]. `outputs`: names in the order of the answer, and whether each is to be
    binary."""

    id: str | None
    pixels: NDArray[np.uint8]
    outputs: Mapping[OutputName, bool]


def parse(content: bytes, header_length: str | None, form: "Form") -> InferenceRequest:
    """Raises MalformedBody and BodyTooLarge."""
    head, binary = _split(content, header_length)
    if len(head) > MOST_JSON_BYTES:
        raise BodyTooLarge(
            f"The JSON of a request may have {MOST_JSON_BYTES // 2**20} MiB: send the pixels as a binary tensor "
            f"({HEADER_LENGTH}), or fewer of them."
        )
    try:
        value = json.loads(head)
    except (ValueError, RecursionError) as error:
        told = "It is" if header_length is None else f"Its first {header_length} bytes ({HEADER_LENGTH}) are"
        raise MalformedBody(f"{told} no JSON in UTF-8.") from error
    data = _taken_out(value)
    if count_values(value) > MAX_VALUES:
        raise MalformedBody(f"It should have at most {MAX_VALUES} values beside the pixels.")
    try:
        request = _Request.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        told = "It is not known here: leave it out" if first["type"] == "extra_forbidden" else first["msg"]
        raise MalformedBody(f"{'.'.join(map(str, first['loc']))}: {told}.") from error
    wanted = request.outputs or [_Output(name=name) for name in OUTPUTS]
    by_default = request.parameters.binary_data_output
    outputs = {
        each.name: by_default if each.parameters.binary_data is None else each.parameters.binary_data for each in wanted
    }
    return InferenceRequest(request.id, _pixels(request.inputs[0], data, binary, form), outputs)


def _taken_out(value: object) -> object:
    """The `data` of the first input. It stands no more in `value`, whose rest is small."""
    inputs = value.get("inputs") if isinstance(value, dict) else None
    taken = [each.pop("data", None) for each in inputs if isinstance(each, dict)] if isinstance(inputs, list) else []
    return taken[0] if taken else None


def _split(content: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """The JSON, and the binary tensors behind it."""
    if header_length is None:
        return content, b""
    is_number = header_length.isascii() and header_length.isdigit() and len(header_length) <= MOST_DIGITS
    if not (is_number and int(header_length) <= len(content)):
        raise MalformedBody(f"{HEADER_LENGTH} should be the length of the JSON, which the body begins with.")
    return content[: int(header_length)], content[int(header_length) :]


def _pixels(given: _Input, data: object, binary: bytes, form: "Form") -> NDArray[np.uint8]:
    shape = given.shape
    if shape[1:] != [form.size, form.size, form.channels]:
        raise MalformedBody(
            f"images should have the shape [n, {form.size}, {form.size}, {form.channels}], and has {shape}: bring the "
            "pictures to the network's size, or send them as files to /v1/models/{model}/predict."
        )
    if shape[0] > MOST_IMAGES:
        raise BodyTooLarge(f"A request may have {MOST_IMAGES} images: send several.")
    count = int(np.prod(shape))
    size = given.parameters.binary_data_size
    if (size is None) == (data is None):
        raise MalformedBody("images should have its pixels in `data`, or be a binary tensor with `binary_data_size`.")
    if size is not None:
        if size != len(binary) or size != count:
            raise MalformedBody(
                f"images of the shape {shape} takes {count} bytes, binary_data_size says {size}, and there are "
                f"{len(binary)} behind the JSON."
            )
        return np.frombuffer(binary, np.uint8).reshape(shape)
    if binary:
        raise MalformedBody("There are bytes behind the JSON that belong to no tensor.")
    return _listed(data, shape, count)


def _listed(data: Any, shape: Sequence[int], count: int) -> NDArray[np.uint8]:
    """Flat, or nested like the shape. NumPy reads no list of a stranger's: of texts, it makes an array that is as wide
    as the longest of them."""
    values = data
    if isinstance(data, list) and data and isinstance(data[0], list):
        for size in shape[1:]:
            if not all(isinstance(each, list) and len(each) == size for each in values):
                raise _not_listed(shape, count)
            values = list(chain.from_iterable(values))
    if not isinstance(values, list) or len(values) != count or not all(type(each) is int for each in values):
        raise _not_listed(shape, count)
    try:
        return np.frombuffer(bytes(values), np.uint8).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise MalformedBody("data should be numbers from 0 to 255, as UINT8 has them.") from error


def _not_listed(shape: Sequence[int], count: int) -> MalformedBody:
    return MalformedBody(f"data should be {count} whole numbers, flat or nested as {list(shape)}.")


@dataclass(frozen=True, slots=True)
class _Tensor:
    datatype: str
    shape: Callable[[int, int], list[int]]  # of images and classes
    values: Callable[[Sequence[Prediction]], list[Any]]
    binary: Callable[[Sequence[Prediction]], bytes]


def _label_bytes(predictions: Sequence[Prediction]) -> bytes:
    labels = [each.labels[0].label.encode(errors="replace") for each in predictions]
    return b"".join(struct.pack("<I", len(label)) + label for label in labels)


OUTPUTS: Mapping[OutputName, _Tensor] = {
    "logits": _Tensor(
        "FP32",
        lambda images, classes: [images, classes],
        lambda found: np.stack([each.logits for each in found]).ravel().tolist(),
        lambda found: np.stack([each.logits for each in found]).astype("<f4").tobytes(),
    ),
    "probabilities": _Tensor(
        "FP32",
        lambda images, classes: [images, classes],
        lambda found: np.stack([each.probabilities for each in found]).ravel().tolist(),
        lambda found: np.stack([each.probabilities for each in found]).astype("<f4").tobytes(),
    ),
    "labels": _Tensor(
        "BYTES",
        lambda images, _classes: [images],
        lambda found: [each.labels[0].label for each in found],
        _label_bytes,
    ),
}


def render(request: InferenceRequest, answer: Predictions, name: str, version: str | None) -> tuple[bytes, int | None]:
    """The body, and the length of its JSON where binary tensors follow. Raises MalformedBody for pixels that the
    network answers with what is no number."""
    found = [each for each in answer.images if isinstance(each, Prediction)]
    if len(found) < len(answer.images):
        reason = next(each.reason for each in answer.images if not isinstance(each, Prediction))
        raise MalformedBody(f"One of the images has no answer: {reason}.")
    outputs, binary = list[dict[str, Any]](), list[bytes]()
    for output, is_binary in request.outputs.items():
        tensor = OUTPUTS[output]
        described = _described(output, tensor, len(found), answer.model)
        if is_binary:
            binary.append(tensor.binary(found))
            outputs.append({**described, "parameters": {"binary_data_size": len(binary[-1])}})
        else:
            outputs.append({**described, "data": tensor.values(found)})
    model = answer.model
    facts = {"model_id": model.id, "calibrated": model.temperature is not None, "temperature": model.temperature}
    head = {
        "model_name": name,
        **({"model_version": version} if version else {}),
        **({"id": request.id} if request.id is not None else {}),
        "parameters": {key: value for key, value in facts.items() if value is not None},
        "outputs": outputs,
    }
    text = json.dumps(head, allow_nan=False).encode()
    return b"".join([text, *binary]), len(text) if binary else None


def metadata(model: ServedModel, name: str, versions: Sequence[str]) -> Mapping[str, Any]:
    """What the model takes and gives."""
    form = model.input
    return {
        "name": name,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [{"name": IMAGES, "datatype": "UINT8", "shape": [-1, form.size, form.size, form.channels]}],
        "outputs": [_described(output, tensor, -1, model) for output, tensor in OUTPUTS.items()],
    }


def _described(name: str, tensor: _Tensor, images: int, model: ServedModel) -> dict[str, Any]:
    return {"name": name, "datatype": tensor.datatype, "shape": tensor.shape(images, len(model.classes))}
