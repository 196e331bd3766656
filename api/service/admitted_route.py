"""Routes that let nobody in without asking who it is, and that share the process fairly between projects."""

from anyio import to_thread
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from access.keys import LOOPBACK_CALLER, Caller
from api.http.bodies import brings_body
from api.http.strict_route import Handler, StrictRoute
from api.service.fair_limiter import Requester, Slot
from api.service.request_costs import EXPENSIVE, cost_of
from api.service.service import Service


class AdmittedRoute(StrictRoute):
    """Finds out who asks, charges what the request costs, and waits for a slot, before anything else is looked at."""

    def get_route_handler(self) -> Handler:
        """StrictRoute's handler, within a slot."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            slot = await _admit(request, cost_of(self.operation_id, request.query_params, request.headers))
            try:
                return await answer(request)
            finally:
                slot.release()

        return handle


async def _admit(request: Request, cost: int) -> Slot:
    """Find out who asks, charge the `cost`, and wait for a turn, which is to be given back. Before anything else is
    looked at: what a request brings is nobody's business whose key is none. Raises what `Admission.admit` raises."""
    service: Service = request.state.service
    limits, address = service.limits, request.client.host if request.client else ""
    key = service.admission.presented(request.headers.get("authorization"))
    if key is None:
        caller = LOOPBACK_CALLER
    else:
        async with limits.checks.slot(service.admission.queue_of(key, address)):
            caller = await to_thread.run_sync(
                _look_up, request, service, key, address, cost, limiter=limits.threads_of_checks
            )
    request.state.caller = caller
    if brings_body(request):
        await request.body()  # which comes as slowly as the client likes: nobody's turn is to last as long
    who = Requester(caller.project, caller.key_id or f"address {address}")
    slot = Slot(limits.ordinary if cost < EXPENSIVE else limits.expensive, who)
    waited = await slot.acquire()
    try:
        if waited and request.method == "GET" and await request.is_disconnected():
            raise ClientDisconnect
    except BaseException:
        slot.release()
        raise
    request.state.slot = slot
    return slot


def _look_up(request: Request, service: Service, key: str, address: str, cost: int) -> Caller:
    with service.database.autocommit_read() as session:
        caller, allowance = service.admission.admit(session, key, address, cost)
    request.state.headers = allowance.headers
    return caller
