"""`epochal __complete SHELL WORD...`: what may stand in place of the last word, a line each.

Commands and flags are answered without a service. Names and ids of its things are asked for, for half a second at most,
and kept for a few seconds; after that an old answer is better than none. A line is `value`, or for zsh and fish
`value<tab>description`; `:files` asks the shell for names of files.
"""

from __future__ import annotations

import contextlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from typing import Any

DONE = 0
FRESH_SECONDS = 10.0
SERVICE_SECONDS = 0.5
_MOST = 100
Candidates = "Iterable[tuple[str, str]]"

# By the name of an argument: what of the service it names.
_KINDS = {
    "job": "jobs",
    "parent": "jobs",
    "dataset": "datasets",
    "model": "models",
    "recipe": "recipes",
    "architecture.name": "architectures",
    "architecture": "architectures",
    "experiment": "experiments",
    "sweep": "sweeps",
}
_FILES = frozenset({"path", "file", "picture"})


def complete(argv: list[str], transport: Any) -> int:
    """Print the candidates. Whatever goes wrong, there are none: a shell has no place for an error here."""
    shell, words = (argv[0], argv[1:] or [""]) if argv else ("bash", [""])
    try:
        found = list(_candidates(words, transport))
    except BaseException:
        found = []
    cut = _cut(words[-1]) if shell == "bash" else 0
    for value, about in found:
        if value.startswith(words[-1]) or value == ":files":
            shown = value[cut:] if value != ":files" else value
            sys.stdout.write(f"{shown}\t{about}\n" if about and shell != "bash" else f"{shown}\n")
    sys.stdout.flush()
    return DONE


def _cut(word: str) -> int:
    """What bash has already: it replaces what stands behind the last of the characters at which it breaks words."""
    breaks = [character for character in os.environ.get("EPOCHAL_BREAKS", "") if not character.isspace()]
    return max((word.rfind(character) + 1 for character in breaks), default=0)


def _candidates(words: Sequence[str], transport: Any) -> Iterable[tuple[str, str]]:
    from epochal.cli.parser import FORMS, GROUPS, TAKE_A_VALUE, build, find, split

    current, typed = words[-1], list(words[:-1])
    before, name, rest = split(typed)
    if name is None:
        if before and before[-1] in TAKE_A_VALUE:  # and this is its value
            return _words(dict.fromkeys(FORMS, "")) if before[-1] == "--output" else []
        return _commands()
    group = typed[len(before)]
    if group in GROUPS and len(typed) == len(before) + 1 and not current.startswith("-"):
        return _commands(group)
    return _of_command(build(name, find(name)), rest, current, _Things(_address(typed), transport))


def _commands(group: str | None = None) -> Iterable[tuple[str, str]]:
    """The first words of all commands, or the second ones of those of a group."""
    from epochal.cli.parser import COMMANDS

    if group is None:
        return _words({name.split()[0]: _about(name) for name in COMMANDS})
    return _words({name.split()[1]: what for name, (_, what) in COMMANDS.items() if name.split()[0] == group})


def _address(typed: Sequence[str]) -> str | None:
    """What `--url` says: the names that are offered are those of the service that the command would ask."""
    said = [word.partition("=")[2] for word in typed if word.startswith("--url=")]
    said += [word for option, word in _pairs(typed) if option == "--url"]
    return said[-1] if said else None


def _about(name: str) -> str:
    from epochal.cli.parser import COMMANDS

    return "" if " " in name else COMMANDS[name][1]


def _words(words: dict[str, str]) -> Iterable[tuple[str, str]]:
    return words.items()


def _of_command(
    parser: argparse.ArgumentParser, before: Sequence[str], current: str, things: _Things
) -> Iterable[tuple[str, str]]:
    options = {name: action for action in parser._actions for name in action.option_strings}
    name, sign, _ = current.partition("=")
    if sign and name in options:
        return [(f"{name}={value}", about) for value, about in _values(options[name], things)]
    if before and _takes_value(options.get(before[-1])):
        return _values(options[before[-1]], things)
    if current.startswith("-"):
        return [(option, action.help or "") for option, action in options.items() if option.startswith("--")]
    places = [action for action in parser._actions if not action.option_strings]
    if not places:
        return []
    given = sum(not word.startswith("-") and not _takes_value(options.get(last)) for last, word in _pairs(before))
    place = places[min(given, len(places) - 1)]
    if given >= len(places) and place.nargs != "+":
        return []
    return _values(place, things)


def _pairs(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Each word with the one before it."""
    return zip(["", *words], words, strict=False)


def _takes_value(action: argparse.Action | None) -> bool:
    return action is not None and action.nargs != 0


def _values(action: argparse.Action, things: _Things) -> Iterable[tuple[str, str]]:
    if action.choices:
        return [(str(choice), "") for choice in action.choices]
    if action.dest == "set":
        from epochal.cli.specs import FLAGS

        return [(f"{path}=", text) for path, (_, _, text) in FLAGS.items()]
    if action.dest in _FILES or action.metavar == "FILE":
        return [(":files", "")]
    kind = _KINDS.get(action.dest)
    if kind is None:
        return []
    found = things.named(kind)
    return [("@last", "the job that was submitted last"), *found] if kind == "jobs" or action.dest == "model" else found


class _Things:
    """What a service has that a word may name."""

    def __init__(self, url: str | None, transport: Any) -> None:
        self._url = url
        self._transport = transport

    def named(self, kind: str) -> list[tuple[str, str]]:
        """Of the cache where it is fresh, else of the service, else of the cache as it is."""
        import json
        import time

        from epochal.cli.state import cache_folder, file_name, find_target, read_json, write_privately

        target = find_target(self._url)
        path = cache_folder() / file_name(f"{target.address}/{kind}")
        kept = read_json(path)
        old = [(str(value), str(about)) for value, about in kept] if isinstance(kept, list) else None
        with contextlib.suppress(OSError):
            if old is not None and abs(time.time() - path.stat().st_mtime) < FRESH_SECONDS:
                return old
        found = _ask(target, kind, self._transport)
        if found is None:
            return old or []
        with contextlib.suppress(OSError):
            write_privately(path, json.dumps(found))
        return found


def _ask(target: Any, kind: str, transport: Any) -> list[tuple[str, str]] | None:
    """None where there was no answer in time. The thread is left behind: the process ends soon."""
    import threading

    from epochal import Epochal

    answers: list[list[tuple[str, str]]] = []
    is_over = threading.Event()

    def ask() -> None:
        with contextlib.suppress(Exception):  # no answer is an answer
            client = Epochal(
                target.address, target.key or "", timeout=SERVICE_SECONDS, max_retries=0, transport=transport
            )
            answers.append(list(_listed(client, kind)))
        is_over.set()

    threading.Thread(target=ask, daemon=True).start()
    is_over.wait(SERVICE_SECONDS)
    return answers[0] if answers else None


def _listed(client: Any, kind: str) -> Iterable[tuple[str, str]]:
    resource = getattr(client, kind)
    rows = (resource.list(limit=_MOST) if kind in ("jobs", "models") else resource.list()).first_page().data
    for row in rows:
        if kind == "jobs":
            yield from _named(row.name, f"{row.status}, {row.id}")
            yield row.id, " ".join(filter(None, [row.status, _plain(row.name)]))
        elif kind == "models":
            for each in row.names:
                yield from _named(each.name, row.architecture)
            yield row.id, row.architecture
        elif kind == "sweeps":
            yield row.id, row.status
        else:
            yield from _named(row.name, _plain(getattr(row, "title", None)) or "")


def _named(name: str | None, about: str) -> Iterable[tuple[str, str]]:
    if name and _plain(name) == name:
        yield name, about


def _plain(text: str | None) -> str | None:
    """A text without what a shell or a terminal could take for something else; other names are offered by their ids."""
    is_plain = bool(text) and all(character.isalnum() or character in "-_.+@/" for character in text or "")
    return text if is_plain else None
