"""Signed links: addresses that need no key, for a minute and one file each."""

from collections.abc import Sequence

from fastapi import APIRouter, Request

from access.links import Signature, sign
from api import schemas
from api.dependencies import CallerDep, SettingsDep, SnapshotDep
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.making.linking import addresses
from api.service.admitted_route import AdmittedRoute

router = APIRouter(prefix="/links", tags=["files"], route_class=AdmittedRoute)


@router.post(
    "",
    operation_id="create_links",
    summary="Sign addresses of files, so that a browser can load them without a key",
    dependencies=[NO_IDEMPOTENCY_KEY],
)
def create_links(
    body: schemas.LinksCreate, request: Request, session: SnapshotDep, caller: CallerDep, settings: SettingsDep
) -> schemas.Links:
    """Each link is for GET and HEAD of exactly its address, parameters included, for one minute, with what the caller's
    key may do when it is used; it ends with the key. A download that has begun by then goes on. What is asked by a link
    counts for the key. Nothing is stored."""
    found = addresses(request.app, body.paths)
    signatures: Sequence[Signature | None] = [None] * len(found)
    if settings.keys_required and caller.key_id is not None:
        signatures = sign(session, caller.key_id, [each.target for each in found])
    return schemas.Links(
        data=[
            schemas.Link(path=each.asked, url=each.url(signed), expires_at=signed.expires_at if signed else None)
            for each, signed in zip(found, signatures, strict=True)
        ]
    )
