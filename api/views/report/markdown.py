"""A report as Markdown (GitHub's), which means the same wherever it is shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from api.views.report.document import (
    TO_TRY,
    Block,
    Code,
    Document,
    Inline,
    KeyFigures,
    Log,
    Message,
    Paragraph,
    Picture,
    Settings,
    Strong,
    Table,
    patch_text,
)
from training.takeaway.markdown import escaped, one_line, table


def to_markdown(document: Document) -> str:
    """Equal documents give equal text."""
    parts = [f"# {escaped(document.title)}", escaped(document.kind), *_blocks(document.opening)]
    for section in document.sections:
        parts += [f"## {escaped(section.title)}", *_blocks(section.blocks)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _inline(block.parts)
        case KeyFigures():
            figures = [
                (escaped(each.label), f"**{escaped(each.value)}**", escaped(each.detail)) for each in block.figures
            ]
            yield table(["", "", ""], figures)
        case Table():
            if block.caption:
                yield escaped(block.caption)
            rows = [[_cell(cell) for cell in row] for row in block.rows]
            yield table([escaped(head) for head in block.heads], rows, numbers=block.numbers)
        case Settings():
            yield "\n".join(
                f"- **{escaped(each.name)}: {escaped(each.value)}.** {escaped(each.meaning)}".rstrip()
                for each in block.settings
            )
        case Picture():
            yield f"[{escaped(block.told)}]({block.address})"
        case Log():
            yield _fenced("text", block.lines)
        case Message():
            yield from _message(block)
        case _:
            assert_never(block)


def _inline(parts: Iterable[Inline]) -> str:
    return "".join(map(_one, parts)).strip()


def _one(part: Inline) -> str:
    """Spaces at its ends stay: they part it from the next."""
    before, after = " " * part[:1].isspace(), " " * part[-1:].isspace()
    if isinstance(part, Code):
        return f"{before}{_code(part)}{after}"
    text = escaped(part)
    return f"{before}**{text}**{after}" if isinstance(part, Strong) and text else f"{before}{text}{after}"


def _cell(cell: Inline) -> str:
    """In a table, a bar ends a cell even within code."""
    return _code(cell).replace("|", "\\|") if isinstance(cell, Code) else _one(cell)


def _code(text: str) -> str:
    """Between as many backticks as the text does not have in a row."""
    content = one_line(text)
    marks = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    space = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{marks}{space}{content}{space}{marks}" if content else ""


def _fenced(language: str, lines: Iterable[str]) -> str:
    """Lines that begin with no backtick."""
    return "\n".join([f"```{language}", *lines, "```"])


def _message(message: Message) -> Iterator[str]:
    told = f"**{message.tone.capitalize()}: {escaped(message.title)}**"
    yield f"{told} {_inline(message.parts)}".rstrip()
    if message.facts:
        yield "; ".join(f"{escaped(name)}: {escaped(value)}" for name, value in message.facts)
    if message.patch is not None:
        yield TO_TRY
        yield _fenced("json", patch_text(message.patch).splitlines())
    if message.after_patch:
        yield escaped(message.after_patch)
