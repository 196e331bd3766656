"""Signed links as they come in: which operations may be asked by one, and where in an address the signature stands."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request

from access.errors import LinkInvalid
from access.links import Signature, Target
from api.http.query_parameters import LINK_SIGNATURE

_PREFIX = f"{LINK_SIGNATURE}=".encode()

# Operations that answer with a file or a picture, by their ids. All of them are GET, and none changes anything.
LINKED = frozenset(
    {
        *("download_weights", "download_checkpoint", "download_predictions"),
        *("download_model_file", "download_model_archive"),
        *("get_log", "get_tensorboard", "get_curves_svg", "get_curves_png", "get_job_report", "get_job_manifest"),
        *("get_answer_svg", "get_answer_png", "get_answer_markdown", "get_answer_html"),
        *("get_confusion_csv", "get_confusion_svg", "get_reliability_svg", "get_mistakes_png"),
        *("get_model_confusion_csv", "get_model_confusion_svg", "get_model_reliability_svg", "get_model_mistakes_png"),
        *("get_samples_png", "get_dataset_image"),
    }
)
# These answer with a file where the query asks for one.
LINKED_AS_CSV = frozenset({"list_metrics", "list_steps"})


@dataclass(frozen=True, slots=True)
class PresentedLink:
    """A link that a client has, before anybody has checked it."""

    signature: Signature
    target: Target


def may_be_linked(operation: str | None, target: Target) -> bool:
    """Whether a link may lead to `target`, an address of this operation."""
    return operation in LINKED or (operation in LINKED_AS_CSV and ("format", "csv") in target.query)


def target_of(path: str, query: bytes) -> Target:
    """What an address means, as routes will read it."""
    return Target(path, parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def take_link(request: Request, operation: str | None) -> PresentedLink | None:
    """The link that the request comes by, if it does: its signature is taken out of the query, which nothing behind
    this sees. A link counts before an `Authorization` that a proxy or a browser adds to whatever it asks for. Raises
    LinkInvalid."""
    parts = request.scope["query_string"].split(b"&")
    signatures = [part for part in parts if part.startswith(_PREFIX)]
    if not signatures:
        return None
    query = b"&".join(part for part in parts if not part.startswith(_PREFIX))
    target = target_of(request.scope["path"], query)
    fits = request.method == "GET" and may_be_linked(operation, target)
    if not fits and "authorization" in request.headers:
        return None  # whoever has a key is told that there is no such parameter
    if len(signatures) > 1 or not fits:
        raise LinkInvalid
    link = PresentedLink(Signature.read(signatures[0][len(_PREFIX) :].decode("latin-1")), target)
    request.scope["query_string"] = query
    return link
