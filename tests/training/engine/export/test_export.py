"""What is exported gives what torch gives, and says nothing of the machine that it was made on."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import torch

from tests.training.engine.export.networks import short_network, weights_file
from training.engine.checkpoints import CheckpointInvalid, pack_tensors, unpack_tensors
from training.engine.export import (
    OPSET,
    TOLERANCE,
    DiffersFromTorch,
    SavedNetwork,
    accuracy,
    check,
    check_program,
    onnx_file,
    quantised,
    read_saved,
    torch_program,
)
from training.engine.export.checking import torch_logits
from training.engine.export.sessions import Images, open_session

# A basic block; a bottleneck behind the ImageNet stem; grey, pre-activated, and as small as images may be.
CASES: dict[str, tuple[Any, int, int]] = {
    "basic": ({"name": "resnet20", "squeeze_excitation": True, "activation": "gelu"}, 16, 3),
    "bottleneck": ({"name": "resnet50", "stem": "imagenet"}, 40, 3),
    "grey": ({"name": "wrn-16-1", "activation": "maxout"}, 8, 1),
}


@dataclass(frozen=True, slots=True)
class Exported:
    saved: SavedNetwork
    onnx: bytes
    images: Images


def random_images(saved: SavedNetwork, count: int, seed: int = 0) -> Images:
    size, channels = saved.inputs.image_size, saved.inputs.channels
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), np.uint8)


@pytest.fixture(scope="module", params=["basic", "grey", pytest.param("bottleneck", marks=pytest.mark.long)])
def exported(request: pytest.FixtureRequest) -> Exported:
    architecture, size, channels = CASES[request.param]
    saved = short_network(architecture, size=size, channels=channels)
    return Exported(saved, onnx_file(saved), random_images(saved, 20))


@pytest.mark.parametrize("count", [1, 3, 64])
def test_logits_are_torchs_and_maps_add_up_to_them(exported: Exported, count: int) -> None:
    images = random_images(exported.saved, count, seed=count)
    session = open_session(exported.onnx)
    logits, maps = session.run(["logits", "activation_maps"], {"images": images})
    expected = torch_logits(exported.saved, images)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE / 10 * scale)
    assert maps.ndim == 4
    bias = exported.saved.network.get_parameter("head.linear.bias").numpy()
    np.testing.assert_allclose(maps.mean((2, 3)) + bias, expected, rtol=0, atol=TOLERANCE / 10 * scale)


def test_a_file_states_its_opset_its_shapes_and_no_path(exported: Exported) -> None:
    proto = onnx.load_from_string(exported.onnx)
    onnx.checker.check_model(proto, full_check=True)
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", OPSET)]
    size, channels = exported.saved.inputs.image_size, exported.saved.inputs.channels
    (images,) = open_session(exported.onnx).get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["batch", size, size, channels])
    assert [each.shape[:2] for each in open_session(exported.onnx).get_outputs()] == [["batch", 10]] * 2
    assert is_silent(exported.onnx)


def test_a_program_gives_the_same_logits_and_says_no_path(exported: Exported) -> None:
    content = torch_program(exported.saved)
    module = torch.export.load(BytesIO(content)).module()
    for count in (1, 3):
        images = random_images(exported.saved, count)
        logits = module(torch.from_numpy(images))
        np.testing.assert_allclose(logits.numpy(), torch_logits(exported.saved, images), rtol=1e-5, atol=1e-5)
    with ZipFile(BytesIO(content)) as archive:
        assert all(is_silent(archive.read(name)) for name in archive.namelist())


def test_int8_is_a_third_of_the_size_and_near(exported: Exported) -> None:
    small = quantised(exported.onnx, exported.images)
    assert len(small) < 0.4 * len(exported.onnx) + 2**17  # what nodes are called takes room, too
    proto = onnx.load_from_string(small)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in proto.graph.node}
    assert {each.domain for each in proto.opset_import} == {""}
    (logits,) = open_session(small).run(["logits"], {"images": exported.images})
    expected = torch_logits(exported.saved, exported.images)
    assert np.abs(logits - expected).mean() < 0.1 * expected.std()
    assert is_silent(small)


def test_a_check_returns_how_far_it_is_and_refuses_other_weights(exported: Exported) -> None:
    assert 0 < check(exported.onnx, exported.saved, exported.images) < TOLERANCE / 10
    proto = onnx.load_from_string(exported.onnx)
    bias = next(each for each in proto.graph.initializer if each.dims == [10])
    for off, message in ((1e-2, "a logit differs by"), (np.nan, "no finite numbers")):
        values = onnx.numpy_helper.to_array(bias).copy()
        values[3] += off * np.abs(torch_logits(exported.saved, exported.images)).max()
        other = onnx.ModelProto.FromString(exported.onnx)
        place = [each.name for each in other.graph.initializer].index(bias.name)
        other.graph.initializer[place].CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        with pytest.raises(DiffersFromTorch, match=message):
            check(other.SerializeToString(), exported.saved, exported.images)


def test_a_program_of_other_weights_is_refused() -> None:
    saved = short_network("wrn-16-1", size=8, channels=1)
    images = random_images(saved, 5)
    program = torch_program(saved)
    assert 0 <= check_program(program, saved, images) < TOLERANCE / 10
    saved.network.get_parameter("head.linear.bias").add_(1)
    with pytest.raises(DiffersFromTorch, match="a logit differs by"):
        check_program(program, saved, images)


def test_accuracy_is_the_share_that_is_right(exported: Exported) -> None:
    labels = torch_logits(exported.saved, exported.images).argmax(1)
    assert accuracy(exported.onnx, exported.images, labels) == 1
    labels[:5] += 1
    assert accuracy(exported.onnx, exported.images, labels) == 0.75


@pytest.mark.long
def test_equal_networks_give_equal_files(exported: Exported) -> None:
    architecture, size, channels = CASES["grey"]
    if exported.saved.inputs.channels == channels:
        again = short_network(architecture, size=size, channels=channels)
        assert onnx_file(again) == exported.onnx
        assert quantised(exported.onnx, exported.images) == quantised(exported.onnx, exported.images)


def test_a_weights_file_becomes_the_network_that_it_is_of() -> None:
    content = weights_file("resnet20", size=8, channels=1)
    saved = read_saved(content)
    weights, _ = unpack_tensors(content, "it")
    assert not saved.network.training
    assert all(value.equal(weights[name]) for name, value in saved.network.state_dict().items())
    assert (saved.inputs.image_size, saved.inputs.channels) == (8, 1)
    assert (saved.normalise.mean.tolist(), saved.normalise.deviation.tolist()) == ([110.0], [60.0])


@pytest.mark.parametrize("broken", ["truncated", "another", "without"])
def test_what_does_not_hold_the_weights_that_it_says_is_refused(broken: str) -> None:
    content = weights_file("resnet20", size=8, channels=1)
    tensors, plain = unpack_tensors(content, "it")
    if broken == "truncated":
        content = content[:-1]
    elif broken == "another":
        content = pack_tensors(tensors, plain.replace("resnet20", "resnet32"))
    else:
        content = pack_tensors(tensors, plain.replace('"mean"', '"means"'))
    with pytest.raises(CheckpointInvalid, match=r"^weights\.safetensors "):
        read_saved(content, "weights.safetensors")


def is_silent(content: bytes) -> bool:
    """Whether it names no path of this machine."""
    paths = (str(Path.cwd()).encode(), gettempdir().encode() + b"/", b"site-packages")
    return not any(path in content for path in paths)
