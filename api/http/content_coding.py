"""gzip, for answers that are large and compress well. What is small, or has been compressed already, goes as it is."""

import gzip

from fastapi import Request, Response

WORTHWHILE_BYTES = 4096
QUICK = 1  # of gzip's levels: JSON shrinks to a tenth and takes a few milliseconds a megabyte


def reads_gzip(request: Request) -> bool:
    """Whether the request's `Accept-Encoding` allows gzip (RFC 9110, 12.5.3). A weight of 0 forbids it."""
    for each in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").removeprefix("q=").rstrip("0") not in ("", "0", "0.") or not weight
    return False


def json_answer(request: Request, body: bytes | str) -> Response:
    """JSON, compressed for a client that accepts gzip. It computes: call it in a thread."""
    content = body.encode() if isinstance(body, str) else body
    headers = {"Vary": "Accept-Encoding"}
    if len(content) >= WORTHWHILE_BYTES and reads_gzip(request):
        content = gzip.compress(content, QUICK, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)
