"""Passes requests for predictions on to a process of their own."""

import structlog
from fastapi import Request, Response
from httpx2 import AsyncClient, HTTPError, Timeout

from api.http.errors import PredictionsUnavailable

# A batch of large pictures on a busy machine takes its time.
TIMEOUT = Timeout(120, connect=5)
SENT = ("authorization", "content-type", "inference-header-content-length")
RETURNED = ("content-type", "inference-header-content-length", "retry-after", "www-authenticate")

log = structlog.get_logger()


class Forwarder:
    """Sends a request as it is, with its key, which is checked there again."""

    def __init__(self, url: str) -> None:
        self._client = AsyncClient(base_url=url.rstrip("/"), timeout=TIMEOUT, trust_env=False)

    async def forward(self, request: Request, content: bytes) -> Response:
        """The other process's answer, errors included. Raises PredictionsUnavailable."""
        path, query = request.scope["raw_path"].decode(), request.url.query
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        headers["x-request-id"] = request.state.request_id
        try:
            answer = await self._client.post(f"{path}?{query}" if query else path, content=content, headers=headers)
        except HTTPError as error:
            log.warning("predictions not forwarded", error=type(error).__name__)
            raise PredictionsUnavailable from error
        returned = {name: answer.headers[name] for name in RETURNED if name in answer.headers}
        return Response(answer.content, answer.status_code, returned)

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()
