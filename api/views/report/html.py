"""A report as one HTML file that asks for nothing else: no script, no font, no picture from elsewhere. Its own policy
(CSP) allows its one style sheet and pictures that are in it, and nothing more."""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import assert_never

from api.views.report.document import (
    TO_TRY,
    Block,
    Code,
    Document,
    Inline,
    KeyFigure,
    KeyFigures,
    Log,
    Message,
    Paragraph,
    Picture,
    Setting,
    Settings,
    Strong,
    Table,
    patch_text,
)
from training.takeaway.markdown import one_line

_TONES = {"problem": "Problem", "warning": "Warning", "hint": "Hint"}


def to_html(document: Document) -> str:
    """Equal documents give equal text."""
    title, style = _escaped(document.title), _style()
    sections = "".join(
        f"<section>\n<h2>{_escaped(section.title)}</h2>\n{_blocks(section.blocks)}</section>\n"
        for section in document.sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<header>\n"
        f'<p class="kind">{_escaped(document.kind)}</p>\n<h1 dir="auto">{title}</h1>\n</header>\n'
        f"<main>\n{_blocks(document.opening)}{sections}</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _escaped(text: str) -> str:
    return html.escape(one_line(text))


def _inline(parts: Iterable[Inline]) -> str:
    return "".join(map(_one, parts))


def _one(part: Inline) -> str:
    """Spaces at its ends stay: they part it from the next."""
    before, after = " " * part[:1].isspace(), " " * part[-1:].isspace()
    text = f"{before}{_escaped(part)}{after}"
    if isinstance(part, Code):
        return f"<code>{text}</code>"
    return f"<strong>{text}</strong>" if isinstance(part, Strong) else text


def _blocks(blocks: Sequence[Block]) -> str:
    return "".join(f"{_block(block)}\n" for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            kind = ' class="quiet"' if block.quiet else ""
            return f"<p{kind}>{_inline(block.parts)}</p>"
        case KeyFigures():
            return f'<dl class="figures">{"".join(map(_figure, block.figures))}</dl>'
        case Table():
            return _table(block)
        case Settings():
            return f'<dl class="settings">{"".join(map(_setting, block.settings))}</dl>'
        case Picture():
            return _picture(block)
        case Log():
            return _preformatted("\n".join(block.lines))
        case Message():
            return _message(block)
        case _:
            assert_never(block)


def _figure(figure: KeyFigure) -> str:
    detail = f'<dd class="detail">{_escaped(figure.detail)}</dd>' if figure.detail else ""
    return f'<div><dt>{_escaped(figure.label)}</dt><dd class="value">{_escaped(figure.value)}</dd>{detail}</div>'


def _setting(setting: Setting) -> str:
    told = f"<dd>{_escaped(setting.value)}</dd>"
    meaning = f'<dd class="meaning">{_escaped(setting.meaning)}</dd>' if setting.meaning else ""
    return f"<div><dt>{_escaped(setting.name)}</dt><div>{told}{meaning}</div></div>\n"


def _table(table: Table) -> str:
    words = len(table.heads) - table.numbers
    kinds = [' class="number"' if place >= words else "" for place in range(len(table.heads))]
    heads = "".join(
        f'<th scope="col"{kind}>{_escaped(head)}</th>' for kind, head in zip(kinds, table.heads, strict=True)
    )
    rows = "".join(
        f"<tr>{''.join(f'<td{kind}>{_one(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>\n"
        for row in table.rows
    )
    caption = f"<caption>{_escaped(table.caption)}</caption>" if table.caption else ""
    if not any(table.heads):
        return f'<div class="scroll"><table class="pairs">{caption}<tbody>{rows}</tbody></table></div>'
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="scroll"><table>{caption}{head}\n<tbody>{rows}</tbody></table></div>'


def _picture(picture: Picture) -> str:
    """In an address of its own: the picture's styles and ids are not the page's."""
    content = base64.b64encode(picture.svg).decode()
    return f'<figure><img alt="{_escaped(picture.told)}" src="data:image/svg+xml;base64,{content}"></figure>'


def _preformatted(text: str) -> str:
    lines = "\n".join(_escaped(line) if not line.startswith(" ") else _indented(line) for line in text.split("\n"))
    return f"<pre><code>{lines}</code></pre>"


def _indented(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + _escaped(line)


def _message(message: Message) -> str:
    parts = [
        f'<div class="message {message.tone}"><p class="tone">{_TONES[message.tone]}</p>',
        f"<h3>{_escaped(message.title)}</h3>",
        f"<p>{_inline(message.parts)}</p>" if message.parts else "",
    ]
    if message.facts:
        facts = "".join(
            f"<div><dt>{_escaped(name)}:</dt> <dd>{_escaped(value)}</dd></div>" for name, value in message.facts
        )
        parts.append(f'<dl class="facts">{facts}</dl>')
    if message.patch is not None:
        parts.append(f'<p class="quiet">{TO_TRY}</p>{_preformatted(patch_text(message.patch))}')
    if message.after_patch:
        parts.append(f'<p class="quiet">{_escaped(message.after_patch)}</p>')
    return "".join(parts) + "</div>"
