"""Reads the pictures in the body of a request: a form, one file, or JSON."""

import binascii
from base64 import b64decode
from typing import cast

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.http.bodies import JSON, parse_body, refuse_many_values, require_uncoded
from api.http.errors import BodyTooLarge, InvalidRequest, MalformedBody, UnsupportedMediaType
from api.http.multipart import MEDIA_TYPE as FORM
from api.http.multipart_files import files_in
from api.http.validation import body_errors
from api.schemas.predictions import MOST_IMAGES, PredictionRequest

MEBIBYTE = 2**20
MOST_BYTES = 16 * MEBIBYTE
FILE = "application/octet-stream"
MEDIA_TYPES = (FORM, JSON, "image/*", FILE)


async def whole_body(request: Request, most: int = MOST_BYTES) -> bytes:
    """The body. Raises BodyTooLarge, UnsupportedContentEncoding and MalformedBody."""
    require_uncoded(request)
    too_large = f"A body may have {most / MEBIBYTE:g} MiB here: send less at once, or smaller pictures."
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > most:
        raise BodyTooLarge(too_large)
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > most:
            raise BodyTooLarge(too_large)
    if not content:
        raise MalformedBody("It is empty: send a picture as the body, several as a form, or JSON.")
    return bytes(content)


async def images_of(request: Request) -> list[bytes]:
    """The files of the pictures, in their order. Raises what `whole_body` raises, UnsupportedMediaType and
    InvalidRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (FORM, JSON, FILE) and not kind.startswith("image/"):
        said = kind or "a body without a Content-Type"
        raise UnsupportedMediaType(f"Send {', '.join(MEDIA_TYPES[:-1])} or {FILE}, not {said}.", MEDIA_TYPES)
    content = await whole_body(request)
    if kind == FORM:
        return await run_in_threadpool(files_in, request.headers["content-type"], content, MOST_IMAGES)
    if kind == JSON:
        return await run_in_threadpool(_of_json, request, content)
    return [content]


def _of_json(request: Request, content: bytes) -> list[bytes]:
    refuse_many_values(content)  # neither Base64 nor the head of a `data:` URL has many commas
    value = parse_body(request, content, (JSON,))
    if isinstance(value, dict) and isinstance(value.get("images"), list) and len(value["images"]) > MOST_IMAGES:
        raise BodyTooLarge(f"A request may have {MOST_IMAGES} images: send several.")
    try:
        images = PredictionRequest.model_validate(value).images
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise InvalidRequest(
            body_errors(PredictionRequest, value, cast("list[ErrorDetails]", wrong)), len(wrong)
        ) from error
    decoded = [_decoded(image) for image in images]
    errors = [
        {"pointer": f"#/images/{number}", "detail": "should be a whole image file in Base64"}
        for number, image in enumerate(decoded)
        if image is None
    ]
    if errors:
        raise InvalidRequest(errors, len(errors))
    return [image for image in decoded if image is not None]


def _decoded(text: str) -> bytes | None:
    """None: it is no Base64."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None
