"""Evaluations of trained models over HTTP: asked for, and done by a worker that is played here."""

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from api import schemas
from jobs import task_ends, tasks
from jobs.failures import Failure
from tests.api.conftest import Tenants
from tests.api.evaluated import settle
from tests.api.picture_data import indexed, pets, predictions_on, store_ready
from tests.api.test_models import assert_problem, model_of, trained

if TYPE_CHECKING:
    from tests.stage import Stage

PARTS = ("confusion", "confusion.csv", "confusion.svg", "reliability.svg", "mistakes.png")
PREDICTIONS = predictions_on(indexed(pets(each=40)))


@pytest.fixture
def address(client: TestClient, stage: "Stage") -> str:
    """Of the evaluations of a model whose classes are cat and dog."""
    return f"/v1/models/{model_of(client, trained(stage))['id']}/evaluations"


def asked(client: TestClient, address: str, dataset: str = "digits", **body: Any) -> dict[str, Any]:
    answer = client.post(address, json={"dataset": dataset, **body})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return dict(answer.json())


def test_what_was_measured_is_there_once_it_has_succeeded(client: TestClient, stage: "Stage", address: str) -> None:
    evaluation = asked(client, address)
    assert (evaluation["status"], evaluation["figures"], evaluation["evaluation"]) == ("queued", None, None)
    for part in PARTS:
        assert_problem(client.get(f"{evaluation['links']['self']}/{part}"), 409, "not_evaluable")
    assert asked(client, address)["id"] == evaluation["id"]  # it is under way
    settle(stage, evaluation["id"], PREDICTIONS)

    done = client.get(evaluation["links"]["self"], headers={"Prefer": "wait=5"})
    found = schemas.ModelEvaluation.model_validate_json(done.content)
    assert found.status == "succeeded"
    assert found.evaluation is not None
    assert found.figures is not None
    right = PREDICTIONS.probabilities.argmax(1) == PREDICTIONS.labels
    assert found.evaluation.accuracy == found.figures.accuracy == pytest.approx(right.mean())
    confusion = schemas.Confusion.model_validate_json(client.get(found.links.confusion).content)
    assert confusion.classes == ["cat", "dog"]
    for link in dict(found.links).values():
        answer = client.get(link)
        assert answer.status_code == 200, answer.text
        if etag := answer.headers.get("ETag") if link.startswith(found.links.self) else None:
            assert client.get(link, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(found.links.mistakes_png).content == b"a sheet"
    assert asked(client, address)["id"] != evaluation["id"]  # it is over: done anew
    listed = client.get(f"{address}?limit=1").json()
    assert [each["id"] for each in client.get(listed["next"]).json()["data"]] == [evaluation["id"]]


def test_an_evaluation_that_fails_says_why(client: TestClient, stage: "Stage", address: str) -> None:
    evaluation = asked(client, address)
    with stage.database.session() as session:
        claim = tasks.claim_next(session, "worker-1", 60)
        assert claim is not None
    with stage.database.session() as session:
        failure = Failure("dataset_invalid", "It does not fit.", "Take another.", retryable=False)
        task_ends.fail(session, claim, failure)
    failed = client.get(evaluation["links"]["self"]).json()
    assert (failed["status"], failed["error"]["hint"]) == ("failed", "Take another.")
    assert "is failed" in client.get(evaluation["links"]["confusion"]).json()["detail"]


def test_what_does_not_fit_is_refused_with_what_differs(client: TestClient, stage: "Stage", address: str) -> None:
    store_ready(stage.database, stage.storage, pets(("dog", "cat")), dataset="same")
    store_ready(stage.database, stage.storage, pets(("cat", "horse")), dataset="others")

    def refused(**body: Any) -> tuple[str, str]:
        answer = client.post(address, json=body)
        assert_problem(answer, 422, "invalid_request")
        [error] = answer.json()["errors"]
        return error["pointer"], error["detail"]

    assert asked(client, address, "same")["version"] == 1
    told = "the classes are others: the network does not know horse; the data set lacks dog"
    assert refused(dataset="others") == ("#/dataset", told)
    assert "There is no data set 'digit'" in refused(dataset="digit")[1]
    assert refused(dataset="same", version=2)[0] == "#/version"
    assert refused(dataset="same", split="validation")[0] == "#/split"
    assert_problem(client.get(f"{address}/evl_01kasm2pbk5s9d0w3g6vq8zrhf"), 404, "model_task_not_found")


def test_a_foreign_model_is_not_evaluated_and_a_foreign_data_set_not_there(
    guarded: TestClient, tenants: Tenants, stage: "Stage"
) -> None:
    trained(stage, project="first")
    store_ready(stage.database, stage.storage, pets(), dataset="theirs", project="second")
    first, second = tenants.header("first"), tenants.header("second")
    address = f"/v1/models/{guarded.get('/v1/models', headers=first).json()['data'][0]['id']}/evaluations"
    assert_problem(guarded.post(address, json={"dataset": "digits"}, headers=second), 404, "model_not_found")
    assert_problem(guarded.post(address, json={"dataset": "theirs"}, headers=first), 422, "invalid_request")
    evaluation = guarded.post(address, json={"dataset": "digits"}, headers=first).json()
    settle(stage, evaluation["id"], PREDICTIONS)
    for part in ("", *(f"/{each}" for each in PARTS)):
        place = f"{evaluation['links']['self']}{part}"
        statuses = [guarded.get(place, headers=header).status_code for header in (first, second)]
        assert statuses == [200, 404], part
