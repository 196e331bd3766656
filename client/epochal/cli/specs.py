"""The spec that a command line says: flags, a file, and `--set` with a path into it."""

from __future__ import annotations

import re

from epochal.cli.failures import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

    from epochal.cli.parser import Parser

# Which one a part is of where nothing names it: the service's defaults. A part of a spec cannot be read without.
DEFAULT_NAMES: Mapping[str, str] = {"architecture": "resnet18", "optimizer": "sgd", "schedule": "cosine"}

# Flags of fields of the spec, by path.
FLAGS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "recipe": (("--recipe",), "NAME", "a named starting point: `epochal recipes`"),
    "dataset": (("--dataset", "-d"), "NAME", "what to train on, such as digits or pets@3: `epochal datasets`"),
    "architecture.name": (("--architecture", "-a"), "NAME", "the network: `epochal architectures`"),
    "epochs": (("--epochs", "-e"), "N", "passes over the training images"),
    "batch_size": (("--batch-size", "-b"), "N", "images in a step, or full"),
    "optimizer.name": (("--optimizer",), "NAME", "such as sgd, nesterov, adamw"),
    "optimizer.learning_rate": (("--learning-rate", "--lr"), "RATE", "at its highest"),
    "optimizer.momentum": (("--momentum",), "SHARE", "of the optimizers that have one"),
    "optimizer.weight_decay": (("--weight-decay",), "FACTOR", "how strongly weights are drawn to 0"),
    "schedule.name": (("--schedule",), "NAME", "of the learning rate: constant, step, cosine, one_cycle ..."),
    "schedule.warmup_epochs": (("--warmup-epochs",), "N", "in which the learning rate rises from 0"),
    "regularisation.label_smoothing": (("--label-smoothing",), "SHARE", "of each label, spread over all classes"),
    "augmentation.flip": (("--flip",), "", "mirror images at random"),
    "validation_fraction": (("--validation-fraction",), "SHARE", "of the training images, to choose the best epoch on"),
    "image_size": (("--image-size",), "PIXELS", "side to which images are brought"),
    "precision": (("--precision",), "NAME", "auto, fp32, bf16 or fp16"),
    "devices": (("--devices",), "N", "that train it together"),
    "seed": (("--seed",), "N", "of weights, order and augmentation"),
}


def add_spec_arguments(parser: Parser) -> None:
    """`--set`, and the flags of the common fields."""
    group = parser.add_argument_group("what to train; what is not said has the service's default")
    for path, (names, metavar, text) in FLAGS.items():
        how: dict[str, Any] = {"metavar": metavar} if metavar else {"action": "store_const", "const": "true"}
        group.add_argument(*names, dest=path, help=text, **how)
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="any other field, by its path; the value is JSON or a word: --set optimizer.learning_rate=0.05 "
        "--set augmentation.crop.padding=4 --set schedule.name=one_cycle",
    )


def read_submission(arguments: argparse.Namespace) -> dict[str, Any]:
    """The body of a submission: of the file, and over it flags, and over them `--set`. Raises CommandError."""
    from epochal.cli.documents import name_of, read_document

    body = read_document(arguments.file) if arguments.file else {}
    if "spec" not in body:
        body = {"spec": body}
    spec = body["spec"]
    if not isinstance(spec, dict):
        raise CommandError(f"{name_of(arguments.file)}: spec: a mapping is expected, such as {{dataset: digits}}")
    apply_arguments(spec, arguments)
    if not spec.get("recipe"):
        for part, name in DEFAULT_NAMES.items():
            if isinstance(spec.get(part), dict):
                spec[part].setdefault("name", name)
    if "dataset" not in spec:
        raise CommandError("which data set?", "Say --dataset NAME; `epochal datasets` lists them.")
    return body


def apply_arguments(spec: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Write what the command line says into the spec. Raises CommandError with the path that it is about."""
    for path, (names, _, _) in FLAGS.items():
        text = getattr(arguments, path)
        if text is not None:
            _place(spec, path.split("."), _value(names[0], text), names[0])
    for assignment in arguments.set:
        path, sign, text = assignment.partition("=")
        if not sign or not re.fullmatch(r"\w+(\.\w+)*", path):
            raise CommandError(f"--set {assignment}: expected PATH=VALUE", "Such as --set optimizer.learning_rate=0.05")
        _place(spec, path.removeprefix("spec.").split("."), _value(f"--set {path}", text), f"--set {path}")


def _value(where: str, text: str) -> Any:
    """JSON, or a word. What was meant as a number, and is none, is an error here: as a word it would be refused less
    clearly."""
    from epochal.cli.documents import parse_json

    try:
        return parse_json(text)
    except ValueError:
        pass
    if text in ("True", "False", "None"):
        raise CommandError(f"{where}={text}: JSON writes {text.lower().replace('none', 'null')}")
    if not re.match(r"[^\W\d]", text):
        raise CommandError(
            f"{where}={text}: neither JSON nor a word", "Numbers are like 0.05 or 1e-3; lists like [1, 2]."
        )
    return text


def _place(spec: dict[str, Any], path: list[str], value: Any, where: str) -> None:
    """A part that so far is only a name, such as `adamw`, becomes one that has this name."""
    for depth, name in enumerate(path[:-1]):
        below = spec.get(name)
        if isinstance(below, str) and depth == 0 and name in DEFAULT_NAMES:
            below = {"name": below}
        elif below is None:
            below = {}
        if not isinstance(below, dict):
            raise CommandError(f"{where}: {'.'.join(path[: depth + 1])} is {below!r} already, which has no fields")
        spec[name] = below
        spec = below
    spec[path[-1]] = value
