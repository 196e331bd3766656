"""What the OpenAPI document says: which schemas there are, which of them a body contains, and where each belongs."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

# The modules, in order, with schemas that belong into each; what these contain goes with them. A module uses only those
# before it.
WORDS, BODIES = "words", "bodies"
SUBJECTS: dict[str, Sequence[str]] = {
    "architectures": ("CifarResNet", "ResNet", "CifarResNext", "ResNext", "WideResNet", "PyramidNet"),
    "optimizers": (
        *("GradientDescent", "Sgd", "HeavyBall", "Nesterov", "Adagrad", "RmsProp", "Adadelta", "Adam", "AdamW"),
        *("NAdam", "Lamb", "Lion", "Muon"),
    ),
    "schedules": (
        *("Constant", "StepDecay", "MultiStep", "Exponential", "Cosine", "WarmRestarts", "Linear", "Polynomial"),
        *("OneCycle", "Plateau", "RangeTest"),
    ),
    "augmentation": ("Augmentation-Input", "Augmentation-Output"),
    "specs": ("TrainingSpec", "ResolvedSpec"),
    WORDS: (),  # all that are one of several words
    BODIES: (),  # all others that bodies contain
    "problems": ("Problem", "ProblemKind"),
    "metrics": ("EpochRow", "BestEpoch", "StepRow", "EpochLayers", "Event", "JobEvent"),
    "attempts": ("Attempt", "QueuePlace"),
    "jobs": ("Job", "JobProgress", "JobDeleted", "StreamReset"),
    "estimates": ("DryRun",),
    "comparison": ("Comparison", "Repeats"),
    "diagnosis": ("Diagnosis",),
    "audits": ("Audit", "AuditSuspect"),
    "uploads": ("Upload",),
    "dataset_reports": ("DatasetReport",),
    "webhooks": ("Webhook", "WebhookWithSecret", "WebhookDelivery"),
    "keys": ("Key", "NewKey"),
}
# Every other schema goes into the module of the first operation that has it, by the operation's tag.
TAGS = {
    "jobs": "jobs",
    "metrics": "manifests",
    "files": "files",
    "sweeps": "sweeps",
    "data sets": "datasets",
    "catalogue": "catalogue",
    "workers": "workers",
    "trained models": "models",
    "evaluation": "evaluations",
    "predictions": "predictions",
    "administration": "projects",
    "operations": "service",
}
# Records that are another one and more, which the document does not say.
EXTENDS = {
    "BestEpoch": "EpochRow",
    "DatasetVersion": "DatasetVersionSummary",
    "JobEvent": "Event",
    "ModelEvaluation": "ModelEvaluationSummary",
    "NewKey": "Key",
    "Sweep": "SweepSummary",
    "TrainedModel": "TrainedModelSummary",
    "WebhookWithSecret": "Webhook",
}
# In answers alone, and yet dictionaries: a spec that was read can be changed and sent.
READ_AS_DICTIONARIES = ("ResolvedSpec",)


class Document:
    """The schemas of a document. `subjects` says in which module each stands; parts come before what contains them.
    `dictionaries` are those that a request's body contains, and specs."""

    def __init__(self, document: Schema) -> None:
        self.schemas: dict[str, Schema] = document["components"]["schemas"]
        operations = [operation for methods in document["paths"].values() for operation in methods.values()]
        if unknown := {operation["tags"][0] for operation in operations} - TAGS.keys():
            sys.exit(f"typegen/document.py, TAGS: name the modules of {sorted(unknown)}")
        bodies = [name for operation in operations for name in references(operation.get("requestBody", {}))]
        self.dictionaries = frozenset(self._with_parts([*bodies, *READ_AS_DICTIONARIES]))
        self.subjects: dict[str, str] = {}
        words = [name for name, schema in self.schemas.items() if "enum" in schema]
        for subject, names in (SUBJECTS | {WORDS: words, BODIES: bodies}).items():
            self._place(names, subject)
        for tag, subject in TAGS.items():
            self._place(references([each["responses"] for each in operations if each["tags"][0] == tag]), subject)

    def _place(self, names: Iterable[str], subject: str) -> None:
        for name in self._with_parts(names):
            # A page is generic, and written by hand; a schema without a word is any JSON.
            if not name.startswith("Page_") and self.schemas[name]:
                self.subjects.setdefault(name, subject)

    def _with_parts(self, names: Iterable[str]) -> list[str]:
        """The schemas and all that they contain, each after its parts."""
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in found:
                return
            for part in references(self.schemas[name]):
                visit(part)
            if name in EXTENDS:
                visit(EXTENDS[name])
            found[name] = None

        for name in names:
            visit(name)
        return list(found)


def references(schema: object) -> Iterator[str]:
    """The names of the schemas that `schema` refers to, in its order."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield referred(schema)
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def referred(schema: Schema) -> str:
    """The name of the schema that a reference is to."""
    name: str = schema["$ref"].rpartition("/")[2]
    return name


def choices(schema: Schema) -> list[Schema]:
    """What a value of the schema may be; a list of one where there is no choice."""
    return [deeper for each in schema.get("anyOf", ()) for deeper in choices(each)] or [schema]
