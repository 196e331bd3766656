"""Reads the one file of a `multipart/form-data` body, piece by piece, as browsers send it."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.errors import MalformedBody

MEDIA_TYPE = "multipart/form-data"
MOST_BESIDE_BYTES = 256 * 1024  # of a form beside its file


def is_multipart(content_type: str) -> bool:
    """Whether a Content-Type header says so."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


async def file_of(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes of the file in `body`. Raises MalformedBody unless there is exactly one, and nothing else."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("Its Content-Type has no boundary: let the client make that header.")
    form, beside = _Form(), 0
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
        raise MalformedBody("The form has no file: send one, an archive.")
    if not form.is_complete:
        raise MalformedBody("The form ends too early.")


class _Form:
    """What the parser has found."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []  # of the file, not yielded yet
        self.files = 0
        self.is_complete = False
        self._in_file = False
        self._header, self._value = b"", b""

    def begin_part(self) -> None:
        """The next part begins."""
        self._in_file = False

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """More of a header's name."""
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """More of its value."""
        self._value += data[start:end]

    def end_header(self) -> None:
        """A header is complete. Raises MalformedBody for a second file, and for what is no file."""
        if self._header.lower() == b"content-disposition":
            if b"filename" not in parse_options_header(self._value)[1]:
                told = (
                    "The form has more than a file: put what you want to say into the address, as ?test_fraction=0.1."
                )
                raise MalformedBody(told)
            self._in_file, self.files = True, self.files + 1
            if self.files > 1:
                raise MalformedBody("The form has more than one file: put them into one archive.")
        self._header, self._value = b"", b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        """More of a part."""
        if self._in_file:
            self.pieces.append(data[start:end])

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
