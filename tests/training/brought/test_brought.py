"""Weights that somebody brings: read without believing them, told by names and shapes, and computing what they did."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save
from torch import Tensor, nn

from tests.training.samples import spec
from training.brought import CHUNK_BYTES, Header, TensorEntry, WeightsRefused, match, read_header, rewrite
from training.engine.checkpoints import unpack_tensors
from training.engine.networks import build_network
from training.engine.weights import Inputs, pack_weights
from training.plan import network_plan
from training.plan.tensors import tensor_shapes

TIMM: dict[str, dict[str, list[int]]] = json.loads((Path(__file__).parent / "timm_names.json").read_text())
INPUTS = Inputs(["cat", "dog", "eel"], 32, 3, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])


def filled(make: Callable[[], nn.Module]) -> nn.Module:
    """Every tensor has values of its own, so that none passes for another."""
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("tracked"):
                tensor.fill_(7)
            elif tensor.ndim == 4:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.5, 1.5)
            else:
                tensor.normal_(0, 0.1)
    return network.eval()


def brought(content: bytes, about: Mapping[str, Any] | None = None) -> bytes:
    source = io.BytesIO(content)
    found = match(read_header(source, len(content)))
    pieces = list(rewrite(source, found, about or {"architecture": found.architecture.model_dump(mode="json")}))
    assert max(map(len, pieces)) <= 2 * CHUNK_BYTES
    return b"".join(pieces)


def ours(content: bytes) -> nn.Module:
    source = io.BytesIO(content)
    found = match(read_header(source, len(content)))
    with torch.device("meta"):
        network = build_network(network_plan(found.architecture, found.image_size, found.channels, found.classes))
    weights, _ = unpack_tensors(brought(content), "it")
    network.load_state_dict(weights, assign=True)
    return network.eval()


def refusal(content: bytes) -> WeightsRefused:
    with pytest.raises(WeightsRefused) as caught:
        brought(content)
    return caught.value


def header_of(shapes: Mapping[str, Any], dtype: str = "F32") -> Header:
    """Of a file that nobody needs to write."""
    return Header(
        {
            name: TensorEntry("I64" if name.endswith("tracked") else dtype, tuple(shape), 0, 0)
            for name, shape in shapes.items()
        },
        {},
    )


@pytest.fixture(scope="module")
def resnet18() -> nn.Module:
    return filled(partial(torchvision.models.resnet18, num_classes=5))


@pytest.fixture(scope="module")
def state(resnet18: nn.Module) -> dict[str, Tensor]:
    return resnet18.state_dict()


def cifar_style() -> nn.Module:
    network: nn.Module = torchvision.models.resnet18(num_classes=5)
    network.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def test_networks_compute_what_theirs_do(resnet18: nn.Module) -> None:
    for theirs, channels in ((resnet18, 3), (filled(cifar_style), 1)):
        images = torch.randn(2, channels, 40, 40)
        with torch.no_grad():
            wanted, found = theirs(images), ours(save(theirs.state_dict()))(images)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        assert wanted.abs().max() > 0.05


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ("resnet34", "resnet34"),
        ("resnet50", "resnet50"),
        ("resnet101", "resnet101"),
        ("resnet152", "resnet152"),
        ("resnext50_32x4d", "resnext50-32x4d"),
        ("resnext101_32x8d", "resnext101-32x8d"),
        ("resnext101_64x4d", "resnext101-64x4d"),
    ],
)
def test_each_network_of_torchvision_is_told(theirs: str, name: str) -> None:
    with torch.device("meta"):
        network = getattr(torchvision.models, theirs)()
    found = match(header_of({key: tensor.shape for key, tensor in network.state_dict().items()}))
    assert (found.architecture.name, found.channels, found.classes, found.image_size) == (name, 3, 1000, 224)
    assert None not in found.tensors.values()


def test_timm_s_names_are_told_and_its_variants_refused_with_what_differs() -> None:
    plain, gated = match(header_of(TIMM["resnet18"])), match(header_of(TIMM["seresnet50"], "BF16"))
    assert (plain.architecture.name, plain.architecture.squeeze_excitation) == ("resnet18", False)
    assert (gated.architecture.name, gated.architecture.squeeze_excitation) == ("resnet50", True)
    with pytest.raises(WeightsRefused, match="nearest to resnet18 with the imagenet stem") as caught:
        match(header_of(TIMM["resnet18d"]))
    said = str(caught.value)
    assert "conv1.weight is missing" in said
    assert "conv1.0.weight is not expected" in said
    assert "; and " in said
    assert len(caught.value.differences) <= 30


@pytest.mark.parametrize("architecture", ["resnet20", "resnet18", "resnet50", "resnext29-8x64d", "wrn-16-1"])
@pytest.mark.parametrize("options", [{}, {"squeeze_excitation": True, "activation": "maxout", "dropout": 0.5}])
def test_a_plan_s_tensors_are_those_of_its_network(architecture: str, options: dict[str, Any]) -> None:
    plan = network_plan(spec(architecture={"name": architecture, **options}).architecture, 32, 3, 10)
    with torch.device("meta"):
        network = build_network(plan)
    assert tensor_shapes(plan) == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_a_preactivated_plan_and_a_pyramid_have_the_tensors_of_their_networks() -> None:
    for architecture in (
        {"name": "resnet18", "preactivation": True, "stem": "imagenet"},
        {"name": "pyramidnet-110-48", "shake_drop": 0.5},
        {"name": "resnet20", "residual": False, "stochastic_depth": 0.0},
    ):
        plan = network_plan(spec(architecture=architecture).architecture, 32, 1, 10)
        with torch.device("meta"):
            network = build_network(plan)
        assert tensor_shapes(plan) == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_single(state: dict[str, Tensor], dtype: torch.dtype) -> None:
    halved = {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}
    weights, _ = unpack_tensors(brought(save(halved)), "it")
    assert weights["stem.convolution.weight"].dtype == torch.float32
    assert torch.equal(weights["stem.convolution.weight"], halved["conv1.weight"].float())
    assert torch.equal(weights["head.linear.bias"], halved["fc.bias"].float())


def test_a_file_may_lack_counts_of_batches_and_have_a_wrapper_s_prefix(state: dict[str, Tensor]) -> None:
    old = {f"module.{name}": each for name, each in state.items() if not name.endswith("num_batches_tracked")}
    weights, _ = unpack_tensors(brought(save(old)), "it")
    assert weights["stem.norm.num_batches_tracked"] == 0
    assert torch.equal(weights["head.linear.weight"], state["fc.weight"])


def test_a_file_of_ours_comes_back_to_the_byte_and_a_damaged_one_is_refused() -> None:
    asked = spec(architecture="resnet20")
    network = build_network(network_plan(asked.architecture, 32, 3, 3))
    content = pack_weights(network.state_dict(), asked, INPUTS)
    assert brought(content, {"not": "looked at"}) == content
    at = len(content) - 100
    assert "damaged" in str(refusal(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]))
    lied = pack_weights(network.state_dict(), spec(architecture="resnet32"), INPUTS)
    assert "stage1.block4.branch.convolution1.weight is missing" in str(refusal(lied))
    odd = pack_weights(network.state_dict(), asked, Inputs(["cat", "dog", "cat"], 32, 3, [1.0] * 3, [0.0] * 3))
    assert "What it says of itself" in str(refusal(odd))


def test_what_does_not_fit_is_told_by_name_and_shape(state: dict[str, Tensor]) -> None:
    other = {**state, "fc.weight": torch.zeros(5, 100), "extra.weight": torch.zeros(1)}
    del other["layer1.0.conv1.weight"]
    said = refusal(save(other))
    assert [str(each) for each in said.differences] == [
        "layer1.0.conv1.weight is missing",
        "extra.weight is not expected",
        "fc.weight is F32 [5, 100] and should be F32, F16 or BF16 [5, 512]",
    ]
    assert "F64 [5]" in str(refusal(save({**state, "fc.bias": torch.zeros(5, dtype=torch.float64)})))
    assert "takes 4 channels" in str(refusal(save({**state, "conv1.weight": torch.zeros(64, 4, 7, 7)})))
    assert "neither torchvision's nor timm's" in str(refusal(save({"encoder.weight": torch.zeros(2)})))
    with pytest.raises(WeightsRefused, match="nearest to resnext50-32x4d"), torch.device("meta"):
        match(header_of({k: v.shape for k, v in torchvision.models.wide_resnet50_2().state_dict().items()}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused(state: dict[str, Tensor], value: float, dtype: torch.dtype) -> None:
    bad = state["layer4.1.bn2.running_var"].clone().to(dtype)
    bad[-1] = value
    assert "NaN or infinite" in str(refusal(save({**state, "layer4.1.bn2.running_var": bad})))


def test_variances_below_zero_are_refused(state: dict[str, Tensor]) -> None:
    bad = {"layer1.0.bn1.running_var": state["layer1.0.bn1.running_var"] - 1000}
    assert "stage1.block1.branch.norm1.running_var has variances below 0" in str(refusal(save({**state, **bad})))


@pytest.mark.parametrize("length", [640, 0x10380, 0x480, 0x580])
def test_a_header_whose_length_begins_like_a_pickle_is_none(length: int) -> None:
    header = json.dumps({"a": ENTRY}).encode().ljust(length)
    content = length.to_bytes(8, "little") + header + bytes(4)
    assert list(read_header(io.BytesIO(content), len(content)).tensors) == ["a"]


def test_a_pickle_is_refused_with_the_line_that_converts_it(state: dict[str, Tensor], tmp_path: Path) -> None:
    zipped = io.BytesIO()
    torch.save({"fc.bias": state["fc.bias"]}, zipped)
    assert zipfile.is_zipfile(zipped)
    legacy = io.BytesIO()
    torch.save({"fc.bias": state["fc.bias"]}, legacy, _use_new_zipfile_serialization=False)
    for content in (zipped.getvalue(), legacy.getvalue(), pickle.dumps({"a": 1})):
        said = str(refusal(content))
        assert "python -c" in said
    line = said[said.index('"') + 1 : said.rindex('"')]
    torch.save(state, tmp_path / "x.pth")
    exec(line.replace("'x.", f"'{tmp_path}/x."))  # it does what it says
    converted = (tmp_path / "x.safetensors").read_bytes()
    assert "fc.weight" in read_header(io.BytesIO(converted), len(converted)).tensors


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        ({"a": ENTRY}, b"123", "not whole"),
        ({"a": ENTRY}, b"12345", "too much"),
        ({"a": ENTRY, "b": ENTRY}, b"1234", "overlap"),
        ({"a": {**ENTRY, "data_offsets": [4, 8]}}, b"12345678", "gaps"),
        ({"a": {**ENTRY, "shape": [2]}}, b"1234", "another length"),
        ({"a": {**ENTRY, "shape": [2**40, 2**40, 0]}}, b"1234", "larger one"),
        ({"a": {**ENTRY, "shape": [-1]}}, b"1234", "no number"),
        ({"a": {**ENTRY, "shape": [True]}}, b"1234", "no number"),
        ({"a": {**ENTRY, "data_offsets": [0.0, 4.0]}}, b"1234", "no number"),
        ({"a": {**ENTRY, "dtype": "C64"}}, b"1234", "dtype C64"),
        ({"a": {**ENTRY, "more": 1}}, b"1234", "alone"),
        ({"a": []}, b"1234", "alone"),
        ({}, b"", "0 tensors"),
        ({"__metadata__": {"a": 1}, "a": ENTRY}, b"1234", "metadata"),
        ([], b"", "JSON object"),
    ],
)  # fmt: skip
def test_a_header_is_not_believed(header: object, data: bytes, said: str) -> None:
    text = json.dumps(header).encode()
    assert said in str(refusal(len(text).to_bytes(8, "little") + text + data))


def test_hostile_lengths_and_texts_are_refused_before_they_are_read() -> None:
    twice = b'{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, "a": 1}'
    for text in (b"\xff{}", b"[" * 100_000, b"{" + b'"a":{' * 50_000, b"1" * 10_000, twice):
        assert "no JSON" in str(refusal(len(text).to_bytes(8, "little") + text))
    lists = b'{"a": [' + b"[]," * 100_000  # cut off, but nobody parses it
    assert "lists and objects" in str(refusal(len(lists).to_bytes(8, "little") + lists))
    assert "no safetensors file" in str(refusal((2**63).to_bytes(8, "little") + b"{}"))
    assert "no safetensors file" in str(refusal(b"abc"))
    long = io.BytesIO((8 * 2**20).to_bytes(8, "little"))
    with pytest.raises(WeightsRefused, match="may have 4,194,304"):
        read_header(long, 2**40)
    assert long.tell() == 8
