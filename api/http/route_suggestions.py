"""Suggests an existing route for an address that does not exist."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

# The names that other services have for ours: what a client written for them asks for first.
FOREIGN_PATHS = {"/v1/fine_tuning/jobs": "/v1/jobs", "/v1/fine-tunes": "/v1/jobs"}
ALIASES: Mapping[str, str] = {
    "logs": "log",
    "epoch": "metrics",
    "epochs": "metrics",
    "loss": "metrics",
    "losses": "steps",
    "history": "metrics",
    "result": "metrics",
    "results": "metrics",
    "model": "weights",
    "models": "weights",
    "artifact": "checkpoints",
    "artifacts": "checkpoints",
    "curve": "curves.svg",
    "curves": "curves.svg",
    "plot": "curves.svg",
    "tensorboard": "tensorboard.zip",
    "retry": "rerun",
    "restart": "rerun",
    "clone": "rerun",
    "unpause": "resume",
    "abort": "cancel",
    "kill": "cancel",
    "runs": "jobs",
    "trainings": "jobs",
    "tasks": "jobs",
    "networks": "architectures",
    "health": "livez",
    "healthz": "livez",
    "ready": "readyz",
    "swagger": "docs",
    "redoc": "docs",
}
# Fields of a job, which are no routes: the job itself is suggested.
JOB_FIELDS = frozenset({"status", "progress", "state", "best", "error", "info", "spec", "config"})

MAX_COMPARED = 100  # characters of a path; comparing takes more than linear time
MAX_SEGMENT = 32  # characters of a segment that are compared
MIN_SIMILARITY = 0.75


@dataclass(frozen=True, slots=True)
class RouteSuggestion:
    """A route that exists."""

    path: str
    methods: frozenset[str]


def suggest_route(app: FastAPI, path: str, method: str) -> RouteSuggestion | None:
    """The route most similar to `path`, if any is similar enough; of equal ones, one that has the method."""
    if len(path) > MAX_COMPARED:
        return None
    for theirs, ours in FOREIGN_PATHS.items():
        rest = path.removeprefix(theirs)
        if rest != path and rest[:1] in ("", "/"):
            return RouteSuggestion(f"{ours}{rest}", frozenset({method}))
    asked = [segment for segment in path.split("/") if segment]
    candidates = list(_candidates(app, asked, method))
    return max(candidates, key=lambda each: each[0])[1] if candidates else None


def _candidates(app: FastAPI, asked: list[str], method: str) -> Iterable[tuple[tuple[float, bool], RouteSuggestion]]:
    forms = [asked]
    if asked[:1] == ["api"]:
        forms.append(asked[1:])
    forms += [["v1", *form] for form in forms if form[:1] != ["v1"]]
    if len(asked) > 2 and asked[-1] in JOB_FIELDS:
        forms.append(asked[:-1])
    for route in iter_route_contexts(app.routes):
        template = (route.path or "").strip("/").split("/")
        for form in forms:
            if len(form) == len(template) and (alike := _similarity(form, template)) >= MIN_SIMILARITY:
                path = "/" + "/".join(
                    ours if ours[0] != "{" else theirs for theirs, ours in zip(form, template, strict=True)
                )
                methods = frozenset(route.methods or ())
                yield (alike, method in methods), RouteSuggestion(path, methods)


def _similarity(asked: list[str], template: list[str]) -> float:
    """The similarity of the least similar segment; 1.0 means equal paths."""
    if template == [""]:
        return 0.0
    return min(_segment_similarity(theirs, ours) for theirs, ours in zip(asked, template, strict=True))


def _segment_similarity(theirs: str, ours: str) -> float:
    if ours.startswith("{"):
        # An id contains digits. A plain word in its place is more likely a misspelt route.
        return 1.0 if not theirs.isalpha() or ours == "{recipe}" else 0.0
    if theirs == ours:
        return 1.0
    if ALIASES.get(theirs.lower()) == ours:
        return 0.95
    if len(theirs) > 3 and ours.startswith(theirs.lower()):
        return 0.8
    matcher = SequenceMatcher(None, theirs.lower()[:MAX_SEGMENT], ours)
    return matcher.ratio() * 0.9 if matcher.quick_ratio() >= MIN_SIMILARITY else 0.0
