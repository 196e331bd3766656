"""Experiments over HTTP: listed, run, and answered from what the jobs have measured."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from sweeps.experiments.catalogue import EXPERIMENTS

if TYPE_CHECKING:
    from tests.stage import Stage

HERE = "/v1/experiments/residual_blocks"


def run(client: TestClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = client.post(HERE, json=body or {})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def finish(stage: "Stage", job_id: str, test_accuracy: float) -> None:
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=test_accuracy)
    stage.succeed(claim)


def test_experiments_are_listed_with_their_jobs(client: TestClient) -> None:
    listed = client.get("/v1/experiments").json()["data"]
    assert [each["name"] for each in listed] == [*EXPERIMENTS]
    one = client.get(HERE).json()
    assert one in listed
    assert len(one["sizes"]["small"]["trials"]) == 6
    answer = client.get("/v1/experiments/nonsense")
    assert (answer.status_code, answer.json()["code"]) == (404, "experiment_not_found")


def test_an_experiment_is_a_sweep(client: TestClient, stage: "Stage") -> None:
    sweep = run(client, {"tags": ["lab"]})
    assert (sweep["experiment"], sweep["name"], len(sweep["trials"])) == ("residual_blocks", "Residual blocks", 6)
    assert sweep["trials"][3]["label"] == "20 layers, without shortcuts"
    job = client.get(sweep["trials"][3]["url"]).json()
    assert job["spec"]["architecture"]["residual"] is False
    assert (job["name"], job["tags"]) == ("Residual blocks: 20 layers, without shortcuts", ["lab"])
    first, second = (client.post(HERE, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.text == second.text
    assert stage.jobs() == 12
    full = run(client, {"size": "full"})
    assert client.get(full["trials"][0]["url"]).json()["spec"]["dataset"] == "cifar100"


def test_a_data_set_that_does_not_fit_is_named(client: TestClient, stage: "Stage") -> None:
    answer = client.post(HERE, json={"dataset": "Digits"})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "#/dataset")
    assert stage.jobs() == 0


def test_the_answer_follows_from_what_was_measured(client: TestClient, stage: "Stage") -> None:
    sweep = run(client)
    address = sweep["links"]["answer"]
    assert client.get(address).json()["complete"] is False
    for trial, accuracy in zip(sweep["trials"], (0.98, 0.98, 0.98, 0.97, 0.99, 0.4), strict=True):
        finish(stage, trial["job_id"], accuracy)
    answer = client.get(address).json()
    assert answer["complete"] is True
    outcomes = [finding["outcome"] for finding in answer["findings"]]
    # The first compares train accuracies, which the stage makes equal; 32 layers differ by one point alone.
    assert outcomes == ["undecided", "confirmed", "undecided", "undecided", "confirmed"]
    assert "99.0%, of “32 layers, without shortcuts”" in answer["ranking"]
    assert "Clearly lower: “56 layers, without shortcuts” (40.0%)" in answer["ranking"]
    assert answer["notes"][0].startswith("Each trial was trained once")
    client.post(f"/v1/jobs/{sweep['trials'][1]['job_id']}/repeats", json={"repeats": 2})
    again = client.get(address).json()
    assert again["notes"][0].startswith("“32 layers, with shortcuts” has repeats under other seeds")
    client.post(sweep["links"]["cancel"])
    assert answer["trials"][0]["test_accuracy_interval"] == pytest.approx([0.9597, 0.9902], abs=1e-4)  # of 360 images
    # The other way round, and the answer is another.
    for job in (trial["job_id"] for trial in sweep["trials"]):
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
    answer = client.get(address).json()
    assert {finding["outcome"] for finding in answer["findings"]} == {"missing"}


def test_the_answer_as_documents(client: TestClient, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = run(client)
    for trial in sweep["trials"]:
        finish(stage, trial["job_id"], 0.75)
    links = client.get(sweep["links"]["answer"]).json()["links"]
    names = ("picture", "picture_png", "markdown", "html")
    picture, png, text, page = (client.get(links[name]) for name in names)
    assert png.headers["Content-Type"] == "image/png"
    assert Image.open(BytesIO(png.content)).format == "PNG"
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "56 layers, with shortcuts</text>" in picture.text
    assert text.text.startswith("# Residual blocks")
    assert "20 layers, with shortcuts" in text.text
    assert "1 of 10" in text.text
    assert "attachment" in page.headers["Content-Disposition"]
    assert base64.b64encode(picture.content).decode() in page.text
    again = client.get(links["html"], headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    monkeypatch.setattr("api.service.curve_renderer.CurveRenderer.draw", lambda *_: b"drawn again")
    assert client.get(links["picture"]).content == picture.content  # as it was kept
    assert client.delete(f"/v1/jobs/{sweep['trials'][0]['job_id']}").status_code == 204
    assert client.get(links["picture"]).content == b"drawn again"


def test_the_report_of_a_job_may_end_with_answers(client: TestClient, stage: "Stage") -> None:
    sweep, job_id = run(client), stage.submit(name="lab")
    for form in ("html", "md"):
        address = f"/v1/jobs/{job_id}/report?format={form}"
        report, longer = (client.get(f"{address}{more}") for more in ("", f"&sweep={sweep['id']}"))
        assert "Why do deep networks need shortcuts" in longer.text
        assert "Why do deep networks need shortcuts" not in report.text
        assert client.get(address).text == report.text  # and what is remembered is the one without
    assert client.get(f"{address}&sweep={sweep['id'][:-1]}0").json()["code"] == "sweep_not_found"
    many = client.get(f"/v1/jobs/{job_id}/report", params={"sweep": [sweep["id"]] * 11})
    assert (many.status_code, many.json()["errors"][0]["parameter"]) == (422, "sweep")


def test_only_an_experiment_has_an_answer(client: TestClient) -> None:
    body = {"spec": {"dataset": "digits"}, "space": {"seed": [0]}}
    sweep = client.post("/v1/sweeps", json=body).json()
    assert sweep["links"]["answer"] is None
    for suffix in ("", ".svg", ".png", ".md", ".html"):
        answer = client.get(f"{sweep['links']['self']}/answer{suffix}")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_experiment")
