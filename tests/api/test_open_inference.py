"""The Open Inference Protocol. The binary requests are written as the source of `tritonclient.http` assembles them."""

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.api.test_models import model_of, name, trained
from tests.api.test_predictions import exported

if TYPE_CHECKING:
    from tests.stage import Stage

LENGTH = "Inference-Header-Content-Length"
PIXELS = np.zeros((2, 32, 32, 3), np.uint8)
PIXELS[0, ..., 0], PIXELS[1, ..., 2] = 255, 255


@pytest.fixture
def model(client: TestClient, stage: "Stage") -> str:
    model = exported(stage)
    name(client, "colours", model)
    return model


def test_server_and_model_describe_themselves(client: TestClient, model: str) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200
    described = client.get("/v2/models/colours").json()
    assert (described["name"], described["versions"], described["platform"]) == ("colours", ["1"], "onnxruntime_onnx")
    assert described["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}]
    assert [(each["name"], each["datatype"], each["shape"]) for each in described["outputs"]] == [
        ("logits", "FP32", [-1, 3]),
        ("probabilities", "FP32", [-1, 3]),
        ("labels", "BYTES", [-1]),
    ]
    for path in (model, "colours", "colours/versions/1", "colours@1"):
        assert client.get(f"/v2/models/{path}/ready").json()["ready"] is True
    for path in ("cats", "colours/versions/2", "colours/versions/x", "colours@1/versions/1", "a@b@c"):
        for suffix in ("", "/ready"):
            answer = client.get(f"/v2/models/{path}{suffix}")
            assert (answer.status_code, answer.json().keys()) == (404, {"error"})


def test_json_in_and_out(client: TestClient, model: str) -> None:
    tensor = {"name": "images", "shape": [2, 32, 32, 3], "datatype": "UINT8"}
    for data in (PIXELS.tolist(), PIXELS.ravel().tolist()):
        answer = client.post(
            "/v2/models/colours/versions/1/infer", json={"id": "7", "inputs": [{**tensor, "data": data}]}
        )
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["model_name"], body["model_version"], body["id"]) == ("colours", "1", "7")
        assert body["parameters"] == {"model_id": model, "calibrated": False}
        logits, probabilities, labels = body["outputs"]
        assert (logits["name"], logits["shape"]) == ("logits", [2, 3])
        assert logits["data"] == pytest.approx([10, 0, 0, 0, 0, 10])
        assert probabilities["data"][0] == pytest.approx(1 / (1 + 2 * np.exp(-10)))
        assert labels == {"name": "labels", "datatype": "BYTES", "shape": [2], "data": ["red", "blue"]}


def test_bytes_of_a_triton_client(client: TestClient, model: str) -> None:
    """`client.infer("colours", [images])`, whose outputs are all binary."""
    head = (
        b'{"inputs":[{"name":"images","shape":[2,32,32,3],"datatype":"UINT8","parameters":{"binary_data_size":6144}}],'
        b'"parameters":{"binary_data_output":true}}'
    )
    answer = client.post("/v2/models/colours/infer", content=head + PIXELS.tobytes(), headers={LENGTH: str(len(head))})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers[LENGTH])
    described, rest = json.loads(answer.content[:length]), answer.content[length:]
    sizes = [each["parameters"]["binary_data_size"] for each in described["outputs"]]
    assert sizes == [24, 24, 15]
    assert np.frombuffer(rest[:24], "<f4") == pytest.approx([10, 0, 0, 0, 0, 10])
    assert rest[48:] == struct.pack("<I", 3) + b"red" + struct.pack("<I", 4) + b"blue"


def test_outputs_as_they_are_asked_for(client: TestClient, model: str) -> None:
    """`InferRequestedOutput("labels", binary_data=False)` before logits in binary."""
    head = (
        b'{"id":"a","inputs":[{"name":"images","shape":[1,32,32,3],"datatype":"UINT8","parameters":{"binary_data_size":3072}}]'
        b',"outputs":[{"name":"labels","parameters":{"binary_data":false}},{"name":"logits","parameters":'
        b'{"binary_data":true}}]}'
    )
    body = head + PIXELS[:1].tobytes()
    answer = client.post(f"/v2/models/{model}/infer", content=body, headers={LENGTH: str(len(head))})
    described = json.loads(answer.content[: int(answer.headers[LENGTH])])
    labels, logits = described["outputs"]
    assert (labels["data"], logits["parameters"]) == (["red"], {"binary_data_size": 12})


def request(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "images", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": [0] * 3072, **changes}]}


WRONG: list[tuple[Any, str]] = [
    (request(name="image"), "name"),
    (request(datatype="FP32"), "datatype"),
    (request(shape=[1, 16, 16, 3]), "[n, 32, 32, 3]"),
    (request(shape=[1, 32, 32]), "shape"),
    (request(data=[0] * 3071), "3072 whole numbers"),
    (request(data=[0] * 3071 + [256]), "0 to 255"),
    (request(data=[0] * 3071 + [0.5]), "whole numbers"),
    (request(data=[[0], [0, 1]]), "3072 whole numbers"),
    (request(data=[True] * 3072), "whole numbers"),
    (request(data=[2**70] * 3072), "0 to 255"),
    (request(data=["x" * 10**6] + ["a"] * 10**5), "3072 whole numbers"),  # NumPy makes 400 GB of them
    ({**request(), **{f"x{number}": 1 for number in range(4001)}}, "4000 values beside the pixels"),
    ({"inputs": [*request()["inputs"], *request()["inputs"]]}, "at most 1 item"),
    (request(data=None), "binary_data_size"),
    (request(parameters={"binary_data_size": 3072}), "in `data`, or"),
    (request(parameters={"shared_memory_region": "x"}), "shared_memory_region"),
    ({**request(), "outputs": [{"name": "scores"}]}, "outputs"),
    ({**request(), "parameters": {"sequence_id": 7}}, "sequence_id: It is not known here: leave it out"),
    ({"inputs": []}, "inputs"),
    ([], "dictionary"),
]


def test_what_is_wrong_is_said_in_the_protocols_form(client: TestClient, model: str) -> None:
    for body, said in WRONG:
        answer = client.post(f"/v2/models/{model}/infer", json=body)
        assert (answer.status_code, answer.json().keys()) == (400, {"error"}), answer.text
        assert said in answer.json()["error"]


def test_lengths_that_do_not_fit(client: TestClient, model: str) -> None:
    head = json.dumps(request(data=None, parameters={"binary_data_size": 3072})).encode()
    whole = len(head)
    for length, rest in ((whole, 3071), (whole, 3073), (whole + 9999, 3072), (3, 3072), (-1, 0), ("9" * 5000, 0)):
        answer = client.post(f"/v2/models/{model}/infer", content=head + bytes(rest), headers={LENGTH: str(length)})
        assert (answer.status_code, answer.json().keys()) == (400, {"error"}), answer.text
    cut = client.post(f"/v2/models/{model}/infer", content=head, headers={LENGTH: str(whole - 1)})
    assert cut.json() == {"error": f"Its first {whole - 1} bytes ({LENGTH}) are no JSON in UTF-8."}
    assert client.post(f"/v2/models/{model}/infer", content=b"x" * (2**21 + 1)).status_code == 413
    assert client.post(f"/v2/models/{model}/infer").status_code == 400
    coded = client.post(f"/v2/models/{model}/infer", content=b"x", headers={"Content-Encoding": "gzip"})
    assert (coded.status_code, coded.json().keys()) == (415, {"error"})


def test_every_error_below_it_has_its_form(client: TestClient, stage: "Stage") -> None:
    model = model_of(client, trained(stage))["id"]
    for answer, status in (
        (client.get("/v2/nothing"), 404),
        (client.delete("/v2/health/live"), 405),
        (client.get(f"/v2/models/{model}/ready"), 409),
        (client.get("/v2/models/cats/ready?x=1"), 422),
    ):
        assert (answer.status_code, answer.json().keys()) == (status, {"error"})
