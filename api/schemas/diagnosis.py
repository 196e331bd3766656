"""What a job's curves mean."""

from typing import Annotated

from pydantic import Field, JsonValue

from api.schemas.base import ResponseSchema, published_as
from training.diagnosis import Code, Severity


class Suggestion(ResponseSchema):
    """What to try."""

    spec: dict[str, JsonValue] = Field(
        description="Changes of the spec, a JSON merge patch: `spec` of `POST /v1/jobs/{job_id}/rerun` takes it as it "
        "is.",
        examples=[{"augmentation": {"crop": {"padding": 4}, "flip": True}}],
    )
    expected: str = Field(description="What it should do.")
    why: str = Field(description="Why that is to be expected.")


class Finding(ResponseSchema):
    """One thing that the curves show."""

    code: Annotated[str, published_as(Code)] = Field(description="What was found, as a word.")
    severity: Annotated[str, published_as(Severity)] = Field(
        description="`problem`: the job fails at its task. `warning`: it could do better. `hint`: good to know."
    )
    since_epoch: int | None = Field(description="From 0. Null: of the run as a whole.")
    sentence: str = Field(description="The same in words.")
    evidence: dict[str, float | int | str] = Field(
        description="The figures that it rests on, by names with their units; accuracies and shares as fractions."
    )
    epochs: list[int] = Field(description="Rows that show it.")
    suggestion: Suggestion | None = Field(description="Null: no change of the spec is known to help.")


class Forecast(ResponseSchema):
    """The accuracy that a running job will have in its last epoch, on the split that it is judged on."""

    epoch: int = Field(description="The last epoch, from 0.")
    low: float = Field(
        description="A fraction in [0, 1]. The accuracy lies between `low` and `high` with `probability`."
    )
    median: float
    high: float
    probability: float = Field(description="A fraction in [0, 1].")


class Diagnosis(ResponseSchema):
    """What a job's curves mean up to now."""

    epochs: int = Field(description="How many epochs were read: of a run of more than 1,000 a part of them.")
    findings: list[Finding] = Field(description="The most important first; empty where there is nothing to say.")
    forecast: Forecast | None = Field(
        description="Null unless the job is running and has five evaluated epochs, since the last step of its schedule."
    )
