"""Reads all files of a `multipart/form-data` body that has arrived as a whole."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.errors import BodyTooLarge, MalformedBody


def files_in(content_type: str, content: bytes, most: int) -> list[bytes]:
    """The files, in their order, whatever their fields are called. Raises MalformedBody for a body that is no form, and
    for a part that is no file; BodyTooLarge for more than `most` files."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("Its Content-Type has no boundary: let the client make that header.")
    form = _Files(most)
    try:
        parser = MultipartParser(
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
        parser.write(content)
        parser.finalize()
    except FormParserError as error:
        raise MalformedBody("It is no form as its Content-Type says.") from error
    if not form.is_complete:
        raise MalformedBody("The form ends too early.")
    if not form.files:
        raise MalformedBody("The form has no file: send one part for each image, as curl's -F image=@cat.jpg does.")
    return [b"".join(pieces) for pieces in form.files]


class _Files:
    def __init__(self, most: int) -> None:
        self.files: list[list[bytes]] = []
        self.is_complete = False
        self._most = most
        self._is_file = False
        self._header, self._value = b"", b""

    def begin_part(self) -> None:
        self._is_file = False

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            options = parse_options_header(self._value)[1]
            if b"filename" not in options:
                raise MalformedBody("A part of the form is no file: put options into the address, as ?top=3.")
            if len(self.files) == self._most:
                raise BodyTooLarge(f"A request may have {self._most} images: send several.")
            self._is_file = True
            self.files.append([])
        self._header, self._value = b"", b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            raise MalformedBody("A part of the form is no file: put options into the address, as ?top=3.")
        self.files[-1].append(data[start:end])

    def end(self) -> None:
        self.is_complete = True
