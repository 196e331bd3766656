"""The middleware of every application of ours, the outermost first."""

from collections.abc import Sequence

from starlette.middleware import Middleware

from api.http.head_requests import HeadAsGet
from api.http.headers import SecurityHeaders
from api.http.loopback_only import LoopbackOnly
from api.http.method_override import MethodOverride
from api.http.middleware import BodyLimit, HeadLimit, RequestContext
from api.http.root_path import RootPath
from api.http.special_targets import SpecialTargets
from api.http.throttling import AddressThrottle, Throttling
from api.service.access_log import AccessLog
from api.service.meters import Meters
from settings import Settings


def middleware_stack(settings: Settings, meters: Meters) -> Sequence[Middleware]:
    """As FastAPI takes it."""
    return [
        Middleware(RootPath, settings.root_path),
        Middleware(AccessLog, meters),
        Middleware(SecurityHeaders),
        Middleware(RequestContext),
        Middleware(Throttling, AddressThrottle()),
        Middleware(HeadLimit),
        *([] if settings.keys_required else [Middleware(LoopbackOnly, settings.host)]),
        Middleware(SpecialTargets),
        Middleware(MethodOverride),
        Middleware(BodyLimit),
        Middleware(HeadAsGet),
    ]
