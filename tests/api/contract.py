"""The published contract, tried by schemathesis on a served API as two tenants.

`explore` sends what the contract allows and what it does not, in every phase that schemathesis has, and returns what is
wrong: every check of schemathesis is on. Beside them, `Tenant.explore` holds that nothing of one tenant comes out to
another, which is also asked for the first one's ids wherever an id can stand.

Run by tests/api/test_contract.py in short, and by `make fuzz` for as long as one likes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import pytest
import schemathesis
from pydantic import ValidationError
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import (
    NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES,
    POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES,
)
from schemathesis.core.failures import Failure
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import Interaction, ScenarioRecorder
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

from api.reading import augmented_samples
from api.schemas.submission import JobCreate
from api.service import admission
from catalog.trained.references import resolve
from jobs import model_names, model_tasks, requests
from jobs.submission import Submission
from jobs.trained_models import list_models
from sweeps import making
from sweeps.making import Trial
from tests.api.conftest import Tenants
from tests.api.evaluated import settle
from tests.api.picture_data import indexed, pets, predictions_on, store_ready
from tests.jobs.datasets import begin
from tests.stage import Stage
from training.known.recipes import RECIPES
from training.spec import TrainingSpec
from webhooks import sender
from webhooks.addresses import Networks
from webhooks.posting import Deadline, Outcome

UNLIMITED = 10_000_000  # more than any key asks here: how often it may is another test's matter

DATASETS = ("pets", "cats", "dogs", "birds")
PHASES = ("examples", "coverage", "fuzzing", "stateful")

# What no JSON schema can say, so that a request that fits it is refused all the same: by code of the problem, or by
# code and what the detail says. Everything else that fits the contract must be accepted.
BEYOND_A_SCHEMA: Mapping[str, str] = {
    "starting_weights_missing": "whether a job or a trained model is there and has weights",
    "starting_weights_unfit": "of which network they are",
    "weights_refused": "what is in a file",
    "mlflow_not_set": "what the operator has set",
    "idempotency_key_reused": "which keys were used, and for what",
    "address_refused": "where the operator lets messages go",
    "cursor_invalid": "which cursors were given out, and for which order",
    "upload_refused": "what a file is by its first bytes",
}
RULES_BETWEEN_FIELDS: Mapping[str, str] = {
    "is for a whole curve, and limit for a page": "max_points goes without limit",
    "needs after_epoch, the epoch that the step is of": "after_step goes with after_epoch",
    "There is no data set": "an operator's folder may have more of them",
    "There is no uploaded data set": "a project may have uploaded it",
    "which the data set is called": "an upload begins with a body, or with the headers of tus",
    "no body of JSON either": "an upload begins with a body, or with the headers of tus",
    "should be a time to come": "expires_at is compared with the clock",
    "should be a time that UTC has": "an offset may lead out of the calendar",
    "should be text without NUL": "a query has no schema for it that every reader knows",
    "should have one of `images`": "an edit says in one way which images it means",
    "should have `likely_label` only": "only an audit says what is likely",
    "should either exclude the images": "an edit excludes, or changes",
    "it changes nothing": "an edit changes something",
    "there is no class": "which classes a version has",
    "the classes are others": "which classes a trained model has",
    "there is no finding": "which findings its report has",
    "of this version": "which images, classes, findings and audits a version has",
    "does not go with `finding`": "a finding names its images",
    "spec has no field": "the spec of an audit is a part of one",
    "should be the address of a file or a picture": "which addresses are of files",
    "should have no fragment": "an address that is signed reaches the service",
    "should have no signature yet": "a link is signed once",
    "without `..`": "whether a part of a path leads upwards",
}

LEAVES_OUT = {"GET /v1/curves"}  # answers without what is not there
YET_TO_COME = {"weights_not_found", "checkpoint_not_found", "predictions_not_found"}
SWEEP = "POST /v1/sweeps"  # whose jobs are made of two parts of the body
SUBMIT, RERUN = "POST /v1/jobs", "POST /v1/jobs/{job_id}/rerun"  # whose spec is a patch of one that is not sent

# Ids and secrets that no two tenants have in common.
_TOKEN = re.compile(
    r"(?:job|whk|msg|upl|task|aud|mdl|exp|evl|swp)_[0-9a-hjkmnp-tv-z]{26}|whsec_[A-Za-z0-9+/=]+|\b01[0-9a-hjkmnp-tv-z]{24}\b"
)
LONGEST_START = 180  # seconds that the first answer of a service may take, on a machine with ten times its load


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried."""

    seed: int
    examples: int  # of each operation in a phase
    phases: Sequence[str] = PHASES
    not_covered: Sequence[str] = ()  # ids of operations that have no phase "coverage"
    only: Sequence[str] = ()  # ids of operations; none: all that there are
    seconds: int | None = None  # None: as long as it takes, and the same each time


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    check: str
    operation: str
    said: str
    request: str


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was sent, and what came of it."""

    requests: Mapping[str, int]  # by phase
    tokens: frozenset[str]  # ids and secrets that came out
    findings: Sequence[Finding]
    operations: frozenset[str]  # that the contract has
    accepted: frozenset[str]  # those that something was accepted by


@dataclass(slots=True)
class Tenant:
    """One project's key, and words that are nobody else's."""

    name: str
    key: str
    words: frozenset[str]
    job_ids: Sequence[str]
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)  # other values of path parameters, by their names
    tokens: set[str] = field(default_factory=set)

    def explore(self, url: str, effort: Effort, other: "Tenant | None" = None) -> Exploration:
        """As this tenant, who asks for what is the `other`'s, too."""
        foreign = other.words | other.tokens if other else frozenset()
        both = [self, other] if other else [self]
        known = {"job_id": [job_id for tenant in both for job_id in tenant.job_ids]}
        for tenant in both:
            known |= {name: [*known.get(name, ()), *values] for name, values in tenant.known.items()}
        found = explore(url, self.key, effort, foreign, known)
        self.tokens |= found.tokens
        return found


class Nowhere:
    """In place of what posts webhooks' messages: their addresses are made up, and may be somebody's."""

    def __init__(self, _networks: Networks) -> None:
        pass

    def post(self, _address: str, _headers: Mapping[str, str], _body: str, _deadline: Deadline) -> Outcome:
        return Outcome(error="Nothing is sent from here.")


def make_ready(patch: pytest.MonkeyPatch) -> None:
    """An API that is explored reaches nobody, and does not tire of keys that are none: a check tries them, and wants to
    see them refused for that alone."""
    patch.setattr(sender, "Poster", Nowhere)
    patch.setattr(admission, "MAX_INVALID_KEYS", UNLIMITED)
    patch.setattr(augmented_samples, "SECONDS", 0.1)  # that the answer waits for a worker


def set_up(tenants: Tenants, stage: Stage, name: str) -> Tenant:
    """A tenant with jobs in every state, some with epochs, steps and files."""
    word = f"{name}s-own-word"
    label: dict[str, Any] = {"project": name, "name": f"{word} job", "tags": [f"{word} tag"]}
    known = _own_datasets(stage, name, word)
    done = stage.submit(**label, dataset=DATASETS[0])
    waiting, begun, running, failed, paused, cancelled = (stage.submit(**label) for _ in range(6))
    stage.claim(begun)
    for job_id in (running, done, failed):
        claim = stage.start(job_id)
        stage.steps(claim, 0, {0: 2.5, 10: 2.0})
        stage.epoch(claim, 0)
        stage.checkpoint(claim, 1, 0)
        if job_id == done:
            stage.succeed(claim, classes=(f"{word} cat", f"{word} dog"), predictions=_own_predictions(word))
        elif job_id == failed:
            stage.fail(claim)
    stage.pause(paused)
    with stage.database.session() as session:
        requests.request_cancel(session, cancelled)
    ids = [waiting, begun, running, done, failed, paused, cancelled]
    known = {**known, **_own_models(stage, name, word), **_own_sweeps(stage, name, word)}
    return Tenant(name, tenants.keys[name]["admin"], frozenset({word}), ids, known, {*ids, *known["upload_id"]})


def _own_datasets(stage: Stage, project: str, word: str) -> Mapping[str, Sequence[str]]:
    """Data sets whose names both tenants use, with the tenant's word in every class and file; and uploads."""
    images: list[str] = []
    for number, dataset in enumerate(DATASETS):
        classes = (f"{word} cat", f"{word} dog", *("x" * (place + 1) for place in range(number)))
        index = store_ready(stage.database, stage.storage, pets(classes), dataset=dataset, project=project)
        images += index.ids[:2]
    begun = [begin(stage.database, project, dataset, total_bytes=100).id for dataset in DATASETS]
    return {"name": DATASETS, "image": images, "upload_id": begun}


def _own_predictions(word: str) -> bytes:
    """Of a network that was trained on the first of the data sets."""
    return predictions_on(indexed(pets((f"{word} cat", f"{word} dog")))).to_bytes()


def _own_sweeps(stage: Stage, project: str, word: str) -> Mapping[str, Sequence[str]]:
    """One of an experiment."""
    submission = Submission(TrainingSpec(dataset="digits", epochs=1), name=f"{word} trial")
    trials = [Trial(submission, {"seed": seed}, f"{word} {seed}") for seed in range(2)]
    with stage.database.session(project) as session:
        sweep = making.create(session, trials, spec={}, space={}, name=f"{word} sweep", experiment="optimizers")
        return {"sweep_id": [sweep.id], "experiment": ["optimizers", "augmentation"]}


def _own_models(stage: Stage, project: str, own: str) -> Mapping[str, Sequence[str]]:
    """The trained model of the job that has succeeded, under names and an alias that both tenants use."""
    with stage.database.session(project) as session:
        model = list_models(session, job=None, name=None, after=None, limit=1).rows[0].id
        for word in DATASETS:
            model_names.add_version(session, project, word, model)
            model_names.set_alias(session, project, word, "staging", 1, None)
        row = resolve(session, project, model)
        exports = [model_tasks.request_export(session, row, [each]).id for each in ("onnx", "html")]
        evaluation = model_tasks.request_evaluation(session, row, "digits", None, "test").id
    settle(stage, evaluation, predictions_on(indexed(pets((f"{own} cat", f"{own} dog")))))
    return {
        "model": [model, *DATASETS],
        "export_id": exports,
        "evaluation_id": [evaluation],
        "model_name": DATASETS,
        "alias": ["staging"],
    }


def explore(
    url: str,
    key: str,
    effort: Effort,
    foreign: frozenset[str] = frozenset(),
    known: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Exploration:
    """Try the API at `url` with `key`, and mostly with what is `known` of path parameters. Nothing `foreign` may come
    out."""
    # The document is made at the first request: seconds of a processor that others use, too.
    schema = schemathesis.openapi.from_url(
        f"{url}/openapi.json", config=_configured(key, effort, known), timeout=LONGEST_START
    )
    schema.hook(filter_failure)
    operations = frozenset(each.ok().label for each in schema.get_all_operations() if isinstance(each, Ok))
    sent_in: dict[str, int] = {}
    findings: dict[tuple[str, str, str], Finding] = {}
    tokens: set[str] = set()
    accepted: set[str] = set()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                phase = event.phase.value
                sent_in[phase] = sent_in.get(phase, 0) + len(event.recorder.interactions)
                for finding in [*_failures(event.recorder), *(_leaks(event.recorder, foreign) if foreign else ())]:
                    findings.setdefault((finding.check, finding.operation, finding.said[:80]), finding)
                for label, sent in _answered(event.recorder):
                    tokens |= set(_TOKEN.findall(_body(sent)))
                    accepted |= {label}
            # The service has a state, so that a request that is sent again may well be answered otherwise. What was
            # wrong with the first answer, its own scenario has told.
            case events.NonFatalError() if "unreliable results" not in str(event.value):
                findings[("error", event.label, "")] = Finding("error", event.label, str(event.value), "")
            case events.FatalError():
                raise event.exception
    return Exploration(sent_in, frozenset(tokens - foreign), list(findings.values()), operations, frozenset(accepted))


def filter_failure(_context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Whether it is one: not where a request that fits the schema breaks a rule that no schema has words for; and not
    where a job that was just made is there, and what it has yet to train is not."""
    if response.status_code == 400 and response.json()["code"] == "malformed_request":
        return False  # a header that frames the request was made up: whatever comes then is no operation's answer
    if isinstance(failure, EnsureResourceAvailability):
        return bool(response.json()["code"] not in YET_TO_COME)
    return not (isinstance(failure, RejectedPositiveData) and _is_beyond_a_schema(response, case))


def _is_beyond_a_schema(response: Response, case: Case[Any]) -> bool:
    problem = json.loads(response.content)
    if problem["code"] in BEYOND_A_SCHEMA:
        return True
    errors = problem.get("errors", [])
    if errors and all(any(rule in error["detail"] for rule in RULES_BETWEEN_FIELDS) for error in errors):
        return True
    if case.operation.label == RERUN:
        return bool(errors) and all(error.get("pointer", "").startswith("#/spec") for error in errors)
    if case.operation.label == SWEEP:
        return bool(errors) and all(error.get("pointer", "").startswith(("#/spec", "#/space")) for error in errors)
    return case.operation.label == SUBMIT and _breaks_rules_of_specs_alone(case.body)


def _breaks_rules_of_specs_alone(body: object) -> bool:
    """Such as a crop that is larger than the image: parts of a spec that do not go together."""
    sent = json.loads(
        json.dumps(body), parse_float=lambda text: int(float(text)) if text.endswith(".0") else float(text)
    )
    try:
        JobCreate.model_validate(sent)
    except ValidationError as error:
        return all(item["type"] == "conflict" for item in error.errors())
    return False


def _configured(key: str, effort: Effort, known: Mapping[str, Sequence[str]]) -> SchemathesisConfig:
    dictionaries = {
        "recipes": {"values": list(RECIPES)},
        "attempts": {"values": ["attempt-0001"]},
        "files": {"values": ["epoch-0001-step-000000.safetensors"]},
        "whatever is there": {"values": ["*"]},
        "version numbers": {"values": [1]},
        **{name: {"values": list(values)} for name, values in known.items()},
    }
    bound = {
        "path.recipe": "recipes",
        "path.attempt": "attempts",
        "path.file": "files",
        "header.If-Match": "whatever is there",
    }
    bound |= {f"path.{name}": name for name in known} | {"path.number": "version numbers"}
    bound |= {"query.after": "job_id"} if known.get("job_id") else {}
    config: dict[str, Any] = {
        "seed": effort.seed,
        "generation": {"max-examples": effort.examples, "deterministic": effort.seconds is None, "database": "none"},
        "cache": {"enabled": False},
        "continue-on-failure": True,
        "request-timeout": 30,
        "output": {"truncation": {"max-recorded-payload-size": 2**24}},
        "phases": {name: {"enabled": name in effort.phases} for name in PHASES},
        "auth": {"openapi": {"apiKey": {"bearer": key}}},
        # What is too large is refused as such, and a tag that nothing has; of how much several parameters may have
        # together, no schema speaks.
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [*NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES, 412, 413, 431]
            },
            "positive_data_acceptance": {
                "expected-statuses": [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES, 412, 413, 431]
            },
        },
        "operations": [
            *([{"exclude-operation-id": list(effort.only), "enabled": False}] if effort.only else ()),
            *(
                {"include-operation-id": operation, "phases": {"coverage": {"enabled": False}}}
                for operation in effort.not_covered
            ),
            # The stream of all jobs does not end, nor that of a job that has not ended: its beginning is read. On a
            # machine that has no time, it may not even have begun by then, and is asked for again.
            *(
                {
                    "include-operation-id": operation,
                    "max-stream-events": 3,
                    "request-timeout": 0.5,
                    "request-retries": 5,
                }
                for operation in ("stream_events", "stream_all_events")
            ),
            # They say by 503 that something is missing: here it is a worker.
            *(
                {
                    "include-operation-id": operation,
                    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 503]}},
                }
                for operation in ("get_readiness", "draw_augmented_samples")
            ),
        ],
        **({"max-time": effort.seconds} if effort.seconds else {}),
        "dictionaries": dictionaries,
        "parameters": {place: {"dictionary": name, "probability": 0.7} for place, name in bound.items()},
    }
    return SchemathesisConfig.from_dict(config)


def _failures(recorder: ScenarioRecorder) -> Iterator[Finding]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                sent = recorder.interactions.get(case_id)
                said = f"{failure}\n{_body(sent)[:1000]}" if sent and sent.response else str(failure)
                yield Finding(check.name, str(failure.operation), said, _request(sent) if sent else "")


def _leaks(recorder: ScenarioRecorder, foreign: frozenset[str]) -> Iterator[Finding]:
    """What is the other tenant's and came out, beside what was asked with; and what was done to it."""
    of_foreign = re.compile("|".join(map(re.escape, foreign)))
    for case_id, sent in recorder.interactions.items():
        if sent.response is None:
            continue
        label, asked = recorder.cases[case_id].value.operation.label, _request(sent)
        if came_out := set(of_foreign.findall(_body(sent))) - set(of_foreign.findall(asked)):
            yield Finding("foreign_data", label, f"{sorted(came_out)} came out", asked)
        path, _, query = unquote(sent.request.uri).partition("?")
        asks_for_it = label not in LEAVES_OUT and re.search(rf"job=(?:{of_foreign.pattern})", query)
        named = of_foreign.search(path) or asks_for_it
        if named and sent.response.status_code < 400:
            yield Finding("foreign_object", label, f"{sent.response.status_code} for what is not there", asked)


def _answered(recorder: ScenarioRecorder) -> Iterator[tuple[str, Interaction]]:
    for case_id, sent in recorder.interactions.items():
        if sent.response is not None and sent.response.status_code < 300:
            yield recorder.cases[case_id].value.operation.label, sent


def _body(sent: Interaction) -> str:
    assert sent.response is not None
    return sent.response.content.decode(errors="replace")


def _request(sent: Interaction) -> str:
    request = sent.request
    headers = {name: values for name, values in request.headers.items() if name.lower() != "authorization"}
    body = (request.body or b"").decode(errors="replace")
    return f"{request.method} {unquote(request.uri)} {headers} {body}"
