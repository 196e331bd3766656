"""What can go wrong with trained models. None of these knows HTTP; a docstring's first line is the message.

ModelError
├── ModelNotFound
├── ModelFileNotFound
├── ModelNameNotFound
├── AliasNotFound
├── ModelInUse
├── ModelTooLarge
├── ModelNotExported
├── ModelTaskNotFound
└── TooManyModelTasks
"""

from collections.abc import Sequence


class ModelError(Exception):
    """Something that trained models do not allow."""


class ModelNotFound(ModelError):
    """There is no such trained model."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"There is no trained model {reference!r}: name it by its id, as `name`, `name@3` or `name@alias`."
        )


class ModelFileNotFound(ModelError):
    """The trained model has no such file."""

    def __init__(self, model_id: str, name: str, there: Sequence[str]) -> None:
        super().__init__(f"Model {model_id} has no file {name!r}. It has {', '.join(there)}.")


class ModelNotExported(ModelError):
    """The trained model has no ONNX file, which predictions need."""

    def __init__(self, model_id: str) -> None:
        super().__init__(
            f"Model {model_id} has no model.onnx, which predictions are made with: export it to ONNX first."
        )
        self.model_id = model_id


class ModelNameNotFound(ModelError):
    """No trained model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No trained model has the name {name!r}.")


class AliasNotFound(ModelError):
    """The name has no such alias."""

    def __init__(self, name: str, alias: str) -> None:
        super().__init__(f"The name {name!r} has no alias {alias!r}.")


class ModelInUse(ModelError):
    """The trained model is needed. `needed_by` says by what."""

    def __init__(self, model_id: str, needed_by: Sequence[str]) -> None:
        super().__init__(f"Model {model_id} is needed by {', '.join(needed_by)}: change that first.")
        self.needed_by = tuple(needed_by)


class ModelTooLarge(ModelError):
    """The file is larger than one of weights may be."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(
            f"A file of weights may have {most_bytes:,} bytes: save it as float16, which halves it, or ask the "
            "operator for more (EPOCHAL_MAX_MODEL_BYTES)."
        )


class ModelTaskNotFound(ModelError):
    """There is no such export or evaluation of the trained model."""

    def __init__(self, model_id: str, kind: str, task_id: str) -> None:
        what = {"export": "export", "evaluate": "evaluation"}[kind]
        super().__init__(f"Model {model_id} has no {what} {task_id!r}.")


class TooManyModelTasks(ModelError):
    """Too many exports and evaluations of the project are under way."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} exports and evaluations of the project are under way: go on when they are over.")
