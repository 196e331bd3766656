"""A job again, with something else about it."""

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.schemas.submission import FIRST_JOB
from models import Job
from training.spec import merge_patch

if TYPE_CHECKING:
    from tests.stage import Stage

SUBMITTED = FIRST_JOB | {"priority": 7, "max_retries": 1, "accelerator": "cpu"}
OWN = ("name", "tags", "priority", "max_retries", "accelerator", "spec")


@pytest.fixture
def old(client: TestClient) -> dict[str, Any]:
    job: dict[str, Any] = client.post("/v1/jobs", json=SUBMITTED).json()
    return job


def submit(client: TestClient, **spec: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json={"spec": {"dataset": "digits", **spec}})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def rerun(client: TestClient, job: dict[str, Any], **changes: Any) -> httpx2.Response:
    return client.post(job["links"]["rerun"], json=changes)


def again(client: TestClient, job: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = rerun(client, job, **changes)
    assert answer.status_code == 201, answer.text
    new: dict[str, Any] = answer.json()
    return new


def test_without_a_body_it_is_the_same_job_anew(client: TestClient, old: dict[str, Any]) -> None:
    answer = client.post(old["links"]["rerun"])
    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == new["links"]["self"] != old["links"]["self"]
    assert {name: new[name] for name in OWN} == {name: old[name] for name in OWN}
    assert client.get(old["links"]["self"]).json()["status"] == "queued"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"spec": {}}'])
def test_no_change_in_every_spelling(client: TestClient, old: dict[str, Any], body: bytes) -> None:
    answer = client.post(old["links"]["rerun"], content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert answer.json()["spec"] == old["spec"]


def test_what_is_given_goes_before(client: TestClient, old: dict[str, Any]) -> None:
    changes = {"name": "second", "tags": [], "priority": 9, "max_retries": 0, "accelerator": "H100"}
    new = again(client, old, **changes, spec={"epochs": 2, "optimizer": {"momentum": 0.5}})
    assert {name: new[name] for name in changes} == changes | {"accelerator": "h100"}
    assert new["spec"] == old["spec"] | {"epochs": 2, "optimizer": old["spec"]["optimizer"] | {"momentum": 0.5}}


def test_null_is_the_default(client: TestClient, old: dict[str, Any]) -> None:
    new = again(
        client,
        old,
        name=None,
        tags=None,
        priority=None,
        max_retries=None,
        accelerator=None,
        spec={"augmentation": {"crop": None}, "optimizer": {"nesterov": None}, "batch_size": None},
    )
    assert (new["name"], new["tags"], new["priority"], new["max_retries"], new["accelerator"]) == (None, [], 5, 3, None)
    assert new["spec"]["augmentation"]["crop"] is None
    assert new["spec"]["augmentation"]["flip"] is True
    assert new["spec"]["optimizer"]["nesterov"] is False
    assert new["spec"]["batch_size"] == submit(client)["spec"]["batch_size"]


@pytest.mark.parametrize("optimizer", [{"name": "adamw"}, "adamw"])
def test_part_of_another_name_begins_with_its_own_defaults(
    client: TestClient, old: dict[str, Any], optimizer: Any
) -> None:
    new = again(client, old, spec={"optimizer": optimizer, "schedule": {"name": "linear"}, "architecture": "wrn-16-4"})
    alone = submit(client, optimizer="adamw", schedule="linear", architecture="wrn-16-4")
    for part in ("optimizer", "schedule", "architecture"):
        assert new["spec"][part] == alone["spec"][part]


def test_recipe_is_not_filled_in_again(client: TestClient) -> None:
    """The moving average and CutMix are the recipe's: taken away, they stay away."""
    old = submit(client, recipe="strong", architecture="resnet20", epochs=10)
    assert None not in (old["spec"]["regularisation"]["ema"], old["spec"]["augmentation"]["cutmix"])
    new = again(client, old, spec={"regularisation": {"ema": None}, "augmentation": {"cutmix": None}, "seed": 3})
    assert (new["spec"]["regularisation"]["ema"], new["spec"]["augmentation"]["cutmix"]) == (None, None)
    assert (new["spec"]["recipe"], new["spec"]["seed"]) == ("strong", 3)
    assert new["spec"]["schedule"] == old["spec"]["schedule"]
    other = again(client, old, spec={"schedule": "cosine"})
    assert other["spec"]["schedule"] == submit(client, schedule="cosine")["spec"]["schedule"], "no warm-up comes back"
    assert again(client, other)["spec"] == other["spec"]


def test_recipe_that_has_changed_since_changes_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.known import recipes

    old = submit(client, recipe="standard", epochs=2)
    changed = recipes.Recipe("title", "description", {"epochs": 9, "regularisation": {"label_smoothing": 0.3}})
    monkeypatch.setitem(recipes.RECIPES, "standard", changed)
    assert again(client, old)["spec"] == old["spec"]
    assert again(client, old, spec={"regularisation": None})["spec"]["regularisation"]["label_smoothing"] == 0


def test_another_recipe_cannot_be_named(client: TestClient) -> None:
    old = submit(client, recipe="standard", epochs=2)
    assert again(client, old, spec={"recipe": "standard"})["spec"]["recipe"] == "standard"
    assert again(client, old, spec={"recipe": None})["spec"] == old["spec"] | {"recipe": None}
    for recipe in ("strong", "none", 5, ["standard"]):
        answer = rerun(client, old, spec={"recipe": recipe})
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["#/spec/recipe"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"spec": {"epochs": 0}}, "#/spec/epochs"),
        ({"spec": {"optimizer": {"momentun": 0.5}}}, "#/spec/optimizer/momentun"),
        ({"spec": {"optimizer": {"name": "adamv"}}}, "#/spec/optimizer/name"),
        ({"spec": {"optimizer": "adamv"}}, "#/spec/optimizer"),
        ({"spec": {"optimizer": {"name": None}}}, "#/spec/optimizer/name"),
        ({"spec": {"optimizer": 5}}, "#/spec/optimizer"),
        ({"spec": {"dataset": None}}, "#/spec/dataset"),
        ({"spec": {"momentum": 0.9}}, "#/spec/momentum"),
        ({"spec": {"optimizer": {"momentum": 0}}}, "#/spec/optimizer/nesterov"),  # which the old job asks for
        ({"spec": None}, "#/spec"),
        ({"spec": []}, "#/spec"),
        ({"priority": 10}, "#/priority"),
        ({"priority": "9"}, "#/priority"),
        ({"accelerator": ""}, "#/accelerator"),
        ({"status": "queued"}, "#/status"),
        ({"name": "two\nlines"}, "#/name"),
    ],
)
def test_mistakes_are_shown_in_the_body_as_sent(
    client: TestClient, old: dict[str, Any], stage: "Stage", changes: dict[str, Any], pointer: str
) -> None:
    answer = rerun(client, old, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert stage.jobs() == 1


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_deep_patch_is_no_error_of_ours(client: TestClient, old: dict[str, Any], depth: int) -> None:
    body = '{"spec": ' + '{"optimizer": ' * depth + "1" + "}" * depth + "}"
    answer = client.post(old["links"]["rerun"], content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


def test_spec_of_an_earlier_release_takes_the_defaults_of_what_it_lacks(
    client: TestClient, old: dict[str, Any], stage: "Stage"
) -> None:
    spec = {name: value for name, value in old["spec"].items() if name != "checkpoints"}
    with stage.database.session() as session:
        session.execute(update(Job).values(spec=spec))
    assert again(client, old)["spec"] == old["spec"]


def test_weights_to_start_from_may_be_gone(client: TestClient, stage: "Stage") -> None:
    earlier = stage.submit()
    stage.succeed(stage.start(earlier), channels=1)
    old = submit(client, starting_weights=earlier)
    assert again(client, old)["spec"]["starting_weights"] == earlier
    with stage.database.session() as session:
        session.execute(update(Job).where(Job.id == earlier).values(weights=None))
    problem = rerun(client, old).json()
    assert problem["code"] == "starting_weights_missing"
    assert [error["pointer"] for error in problem["errors"]] == ["#/spec/starting_weights"]


# RFC 7396, appendix A, as far as it is about objects.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"p": {"name": "x", "a": 1}}, {"p": {"name": "x", "b": 2}}, {"p": {"name": "x", "a": 1, "b": 2}}),
        ({"p": {"name": "x", "a": 1}}, {"p": {"name": "y", "b": 2}}, {"p": {"name": "y", "b": 2}}),
    ],
)
def test_merge_patch(target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    before = repr(target)
    assert merge_patch(target, patch) == result
    assert repr(target) == before
