"""Routes that authenticate each request, and that share the process fairly between projects."""

from functools import partial

from anyio import to_thread
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from access.keys import LOOPBACK_CALLER, Caller
from api.http.bodies import has_body
from api.http.strict_route import Handler, StrictRoute
from api.service.admission import Admission, Allowance
from api.service.fair_limiter import FairLimiter, Requester, Slot
from api.service.request_costs import EXPENSIVE, cost_of
from api.service.service import Core
from api.service.signed_links import take_link


class AdmittedRoute(StrictRoute):
    """Authenticates the caller, by a key or by a signed link, charges the cost of the request and waits for a slot,
    before it parses the request."""

    def get_route_handler(self) -> Handler:
        """The handler of StrictRoute. It runs while the request holds a slot."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            admission: Admission = request.state.service.admission
            request.state.link = take_link(request, self.operation_id) if admission.keys_required else None
            slot = await self._admit(request)
            try:
                return await answer(request)
            finally:
                slot.release()

        return handle

    async def _admit(self, request: Request) -> Slot:
        cost = cost_of(self.operation_id, request.query_params, request.headers)
        limits = request.state.service.limits
        return await _admit(request, cost, limits.ordinary if cost < EXPENSIVE else limits.expensive, read_body=True)


class UploadRoute(AdmittedRoute):
    """Takes a body of any length, which its endpoint reads piece by piece. Uploads have slots of their own: a slow one
    holds none that other requests wait for.

    A body that is refused is not read to its end first: the server throws away for a while what comes after the answer
    (`api.http.server`), so that a client which sends everything before it reads gets the answer, too.
    """

    refuses_bodies = False

    async def _admit(self, request: Request) -> Slot:
        return await _admit(request, 1, request.state.service.limits.uploads, read_body=False)


class PredictionRoute(AdmittedRoute):
    """Takes pictures. Its slots are its own: while a request waits for its prediction it holds none of those that other
    requests wait for. A slot bounds the bodies that are in memory.
    """

    refuses_bodies = False

    async def _admit(self, request: Request) -> Slot:
        cost = cost_of(self.operation_id, request.query_params, request.headers)
        return await _admit(request, cost, request.state.service.limits.predictions, read_body=False)


class ExportRoute(AdmittedRoute):
    """Waits for another server, for which it has slots of its own: nobody else waits for that server."""

    async def _admit(self, request: Request) -> Slot:
        return await _admit(request, EXPENSIVE, request.state.service.limits.exports, read_body=True)


async def _admit(request: Request, cost: int, slots: FairLimiter, *, read_body: bool) -> Slot:
    """Authenticate the caller, charge `cost`, and wait for a slot, which the caller of this function must release.

    Nothing of the request is validated before: an answer to a caller without a valid key must not depend on what it
    sent. Raises what `Admission.admit` and `FairLimiter.acquire` raise.
    """
    service: Core = request.state.service
    address = request.client.host if request.client else ""
    caller = await _authenticated(request, service, address, cost)
    request.state.caller = caller
    if read_body and has_body(request):
        await request.body()  # read before a slot is held: a slow client must not occupy one
    who = Requester(caller.project, caller.key_id or f"address {address}")
    slot = Slot(slots, who)
    waited = await slot.acquire()
    try:
        if waited and request.method == "GET" and await request.is_disconnected():
            raise ClientDisconnect
    except BaseException:
        slot.release()
        raise
    request.state.slot = slot
    return slot


async def _authenticated(request: Request, service: Core, address: str, cost: int) -> Caller:
    limits, admission = service.limits, service.admission
    if (link := request.state.link) is not None:
        admit, who = partial(admission.admit_link, link=link), admission.stranger_at(address)
    else:
        key = admission.read_key(request.headers.get("authorization"))
        if key is None:
            return LOOPBACK_CALLER
        admit, who = partial(admission.admit, key=key), admission.requester_of(key, address)

    def look_up() -> tuple[Caller, Allowance]:
        with service.database.autocommit_read() as session:
            return admit(session, address=address, cost=cost)

    async with limits.key_checks.slot(who):
        caller, allowance = await to_thread.run_sync(look_up, limiter=limits.key_check_threads)
    request.state.headers = allowance.headers
    return caller
