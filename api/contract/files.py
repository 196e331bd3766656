"""Files that a browser loads. They are read and compressed when the process starts: an answer reads nothing."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Self

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.http.content_coding import reads_gzip
from api.http.etags import etag_of, if_none_match_of, matches, not_modified
from api.http.preconditions import IfMatch, check_preconditions
from api.http.throttling import count_as

REVALIDATED = {"Cache-Control": "no-cache"}
# The path contains a hash of the content, so that a path's content never changes.
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}

MEDIA_TYPES: Mapping[str, str] = {  # by the end of the name; other files are not served
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".LICENSE": "text/plain",
    ".txt": "text/plain",
}

HASH_CHARACTERS = 16
FILE_WEIGHT = 0.1  # of an answer, where answers without a key are counted


@dataclass(frozen=True, slots=True)
class Content:
    """What is answered at one address, for everybody the same."""

    plain: bytes
    packed: bytes  # with gzip; empty where that saves nothing
    etag: str
    media_type: str

    @classmethod
    def of(cls, plain: bytes, media_type: str) -> Self:
        """These bytes, compressed as well as gzip can."""
        packed = gzip.compress(plain, mtime=0)
        return cls(plain, packed if len(packed) < len(plain) else b"", etag_of(plain), media_type)

    def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """The content, compressed for a client that accepts gzip; or 304. Raises PreconditionFailed."""
        check_preconditions(request, self.etag)
        headers = {**headers, "ETag": self.etag, "Vary": "Accept-Encoding"}
        etags = if_none_match_of(request)
        if etags and matches(etags, self.etag):
            return not_modified(self.etag, headers)
        if not self.packed or not reads_gzip(request):
            return Response(self.plain, headers=headers, media_type=self.media_type)
        # Two codings of one content have two strong tags, or one weak tag.
        packed = {**headers, "Content-Encoding": "gzip", "ETag": f"W/{self.etag}"}
        return Response(self.packed, headers=packed, media_type=self.media_type)

    def serve(self, router: APIRouter, path: str, headers: Mapping[str, str]) -> None:
        """Answer with it at `path`."""
        router.add_api_route(path, _Answers(self, headers).get_content, methods=["GET"])


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """The endpoint of one address: the access log tells addresses apart by their endpoints."""

    content: Content
    headers: Mapping[str, str]

    async def get_content(self, request: Request, _expected: IfMatch = None) -> Response:
        return self.content.answer(request, self.headers)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A folder of files that load each other by relative addresses: one hash of them all is in the address of each."""

    files: Mapping[str, Content]  # by path below the folder
    digest: str

    def below(self, prefix: str) -> str:
        """The address of the folder, where `serve` puts it."""
        return f"{prefix}/{self.digest}"

    def serve(self, router: APIRouter, prefix: str) -> None:
        """Answer with its files at addresses below `prefix`."""
        router.add_api_route(f"{prefix}/{{digest}}/{{path:path}}", self.get_file, methods=["GET"])

    async def get_file(self, digest: str, path: str, request: Request, _expected: IfMatch = None) -> Response:
        """The endpoint of all its files. An address that has none is answered as the router answers one."""
        found = self.files.get(path)
        if found is None or digest != self.digest:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        count_as(request.scope, FILE_WEIGHT)
        return found.answer(request, IMMUTABLE)


@cache
def read_tree(folder: Path) -> Tree:
    """The files of a folder whose names say what they are. A process reads a folder once, however many applications it
    makes."""
    files, all_of_them = {}, sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in MEDIA_TYPES and path.is_file() and not any(part[0] == "." for part in name.split("/")):
            content = path.read_bytes()
            files[name] = Content.of(content, MEDIA_TYPES[path.suffix])
            all_of_them.update(f"{name} {sha256(content).hexdigest()}\n".encode())
    return Tree(files, all_of_them.hexdigest()[:HASH_CHARACTERS])


def content_policy(script_hash: str = "") -> str:
    """The Content-Security-Policy of a page that may load from this origin and call it, and nothing else. `script_hash`
    is the SHA-256, in base64, of the one script that stands in the page itself."""
    inline = f" 'sha256-{script_hash}'" if script_hash else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{inline}",
            "style-src 'self'",
            "img-src 'self' blob: data:",  # pictures that a script has fetched; Swagger UI's icons
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
