"""Reads the one file, and texts beside it, of a `multipart/form-data` body, piece by piece, as browsers send it."""

from collections.abc import AsyncIterator, Collection

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.errors import MalformedBody

MEDIA_TYPE = "multipart/form-data"
MOST_BESIDE_BYTES = 256 * 1024  # of a form beside its file


def is_multipart(content_type: str) -> bool:
    """Whether a Content-Type header says so."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


class Texts:
    """Fields of a form that are no file: the texts of each, by name. Others than `names` are refused."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names
        self._found: list[tuple[str, bytearray]] = []

    def begin(self, name: str) -> bytearray:
        """A field's text, to be filled."""
        text = bytearray()
        self._found.append((name, text))
        return text

    def values(self) -> dict[str, list[str]]:
        """Those of a whole form. Raises MalformedBody for a text that is not UTF-8."""
        found: dict[str, list[str]] = {}
        for name, text in self._found:
            try:
                found.setdefault(name, []).append(text.decode())
            except UnicodeDecodeError as error:
                raise MalformedBody(f"The field {name} of the form is not UTF-8.") from error
        return found


async def file_of(content_type: str, body: AsyncIterator[bytes], texts: Texts | None = None) -> AsyncIterator[bytes]:
    """The bytes of the file in `body`; `texts` gets what is beside it. Raises MalformedBody unless there is exactly one
    file, and nothing else that `texts` does not take."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("Its Content-Type has no boundary: let the client make that header.")
    form, beside = _Form(texts), 0
    try:
        parser = _parser(boundary, form)
        async for content in body:
            parser.write(content)
            beside += len(content)
            for piece in form.pieces:
                beside -= len(piece)
                yield piece
            form.pieces.clear()
            if beside > MOST_BESIDE_BYTES:
                raise MalformedBody("The form has much beside the file: send the file alone, as the body.")
        parser.finalize()
    except FormParserError as error:
        raise MalformedBody("It is no form as its Content-Type says: send the file alone, as the body.") from error
    if form.files != 1:
        raise MalformedBody(
            "The form has no file: send one." if texts else "The form has no file: send one, an archive."
        )
    if not form.is_complete:
        raise MalformedBody("The form ends too early.")


class _Form:
    """What the parser has found."""

    def __init__(self, texts: Texts | None) -> None:
        self._texts = texts
        self._text: bytearray | None = None
        self.pieces: list[bytes] = []  # of the file, not yielded yet
        self.files = 0
        self.is_complete = False
        self._in_file = False
        self._header, self._value = b"", b""

    def begin_part(self) -> None:
        """The next part begins."""
        self._in_file, self._text = False, None

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """More of a header's name."""
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """More of its value."""
        self._value += data[start:end]

    def end_header(self) -> None:
        """A header is complete. Raises MalformedBody for a second file, and for what is no file."""
        if self._header.lower() == b"content-disposition":
            options = parse_options_header(self._value)[1]
            name = options.get(b"name", b"").decode(errors="replace")
            if self._texts is not None and name in self._texts.names:  # a file's content, too, as curl -F a=@b sends it
                self._text = self._texts.begin(name)
            elif b"filename" not in options:
                raise MalformedBody(self._of_another_field(name))
            else:
                self._in_file, self.files = True, self.files + 1
                if self.files > 1:
                    how = "send one" if self._texts else "put them into one archive"
                    raise MalformedBody(f"The form has more than one file: {how}.")
        self._header, self._value = b"", b""

    def _of_another_field(self, name: str) -> str:
        if self._texts is None:
            return "The form has more than a file: put what you want to say into the address, as ?test_fraction=0.1."
        return f"The form has a field {name!r}: beside a file, it may have {', '.join(sorted(self._texts.names))}."

    def part_data(self, data: bytes, start: int, end: int) -> None:
        """More of a part."""
        if self._in_file:
            self.pieces.append(data[start:end])
        elif self._text is not None:
            self._text += data[start:end]

    def end(self) -> None:
        """The last part is complete."""
        self.is_complete = True


def _parser(boundary: bytes, form: _Form) -> MultipartParser:
    return MultipartParser(
        boundary,
        {
            "on_part_begin": form.begin_part,
            "on_header_field": form.header_name,
            "on_header_value": form.header_value,
            "on_header_end": form.end_header,
            "on_part_data": form.part_data,
            "on_end": form.end,
        },
    )
