"""What a request costs; an ordinary request costs one unit.

The cost is charged to the rate limit of the key. Expensive requests share a few slots of their own, of which a project
holds one at a time while others are active. The costs rank requests: they are no exact measurements. A cost must be
known before the request is parsed, so that it depends only on the route, the query and the headers.
"""

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, QueryParams

from jobs.comparison import MOST_ROWS
from training.significance import MOST_REPEATS

EXPENSIVE = 5  # a request that costs this much or more is expensive

BODY_BYTES_PER_UNIT = 8 * 1024  # of the body: even to refuse a body takes longer, the longer it is
MAX_CHARGED_BYTES = 192 * 1024

ROWS_PER_UNIT = 1000  # of repeats: their means and intervals are computed, too

Cost = Callable[[QueryParams], int]


def _number(query: QueryParams, name: str, default: int, most: int) -> int:
    """A query parameter as a number, at most `most`. Not a number: `default`, since validation refuses the request
    later."""
    text = query.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else default


def _rows(query: QueryParams) -> int:
    if "max_points" in query:
        return 10  # reads the whole curve
    return 1 + _number(query, "limit", 0, 10_000) // 500


def _compared(query: QueryParams) -> int:
    """Without repeats each curve counts; a job may have them, and then rows are read for each."""
    jobs = min(len(query.getlist("job")), 10)
    return max(3 * jobs, _repeats(jobs, _number(query, "max_points", 1000, 5000)))


def _repeats(jobs: int, epochs: int) -> int:
    """For the means of so many jobs, each of which may have all the repeats that a job can have."""
    return EXPENSIVE + min(jobs * MOST_REPEATS * epochs, MOST_ROWS) // ROWS_PER_UNIT


COSTS: Mapping[str, Cost] = {
    "get_curves_svg": lambda _: 20,
    "get_curves_png": lambda _: 20,
    "get_samples_png": lambda _: 20,
    "draw_augmented_samples": lambda _: 20,
    "get_dataset_image": lambda _: 10,
    "list_dataset_images": lambda _: EXPENSIVE,  # the index may have to be read
    "get_evaluation": lambda _: 10,  # the predictions may have to be read, and all of them computed with
    "get_confusion": lambda _: 10,
    "get_confusion_csv": lambda _: 10,
    "get_confusion_svg": lambda _: 10,
    "get_reliability_svg": lambda _: 10,
    "get_mistakes_png": lambda _: 20,
    "get_diagnosis": lambda _: 10,  # likewise
    "get_model_evaluation": lambda _: EXPENSIVE,  # a report is read, and shown
    "get_model_confusion": lambda _: EXPENSIVE,
    "get_model_confusion_csv": lambda _: EXPENSIVE,
    "get_model_confusion_svg": lambda _: 10,
    "get_model_reliability_svg": lambda _: 10,
    "get_model_mistakes_png": lambda _: EXPENSIVE,
    "get_log": lambda _: 10,
    "get_tensorboard": lambda _: 20,  # reads all of the steps and, for each run, all of the epochs
    "get_job_manifest": lambda _: 10,  # reads all of the epochs
    # It draws the curves, evaluates predictions, and has as many answers as it is asked for, ten at most.
    "get_job_report": lambda query: 20 + 20 * min(len(query.getlist("sweep")), 10),
    "compare_jobs": _compared,
    "get_repeats": lambda query: _repeats(1, _number(query, "max_points", 200, 1000)),
    "list_metrics": _rows,
    "list_steps": _rows,
    "list_events": _rows,
    "stream_all_events": lambda _: 3,  # who comes back may be told up to 10,000 events
    "list_checkpoints": lambda query: 1 + _number(query, "limit", 100, 1000) // 200,
    "list_jobs": lambda query: 1 + _number(query, "limit", 20, 100) // 40,
    "list_job_summaries": lambda query: (
        1 + _number(query, "limit", 100, 1000) // 100 + (EXPENSIVE if "search" in query else 0)
    ),
    "get_curves": lambda query: 1 + min(len(query.getlist("job")), 100) // 2,  # reads whole curves
    "list_queue": lambda query: 1 + _number(query, "limit", 20, 100) // 40,
    "submit_job": lambda query: (
        # How many jobs its `repeats` make is in the body, and not known yet.
        EXPENSIVE if query.get("dry_run", "").lower() in ("true", "1", "on", "yes", "t", "y") else 1
    ),
    "repeat_job": lambda _: EXPENSIVE,  # up to 19 jobs
    "submit_sweep": lambda _: 20,  # up to a hundred jobs
    "run_experiment": lambda _: 20,
    "get_answer": lambda _: EXPENSIVE,  # the curves of every job of an experiment
    "get_answer_svg": lambda _: 20,
    "get_answer_png": lambda _: 20,
    "get_answer_markdown": lambda _: EXPENSIVE,
    "get_answer_html": lambda _: 20,
    "list_sweeps": lambda query: 1 + _number(query, "limit", 20, 100) // 20,
    "cancel_sweep": lambda _: EXPENSIVE,
    "delete_sweep": lambda _: EXPENSIVE,
    "predict": lambda query: 1 if query.get("explain", "").lower() in ("", "false", "0", "off", "no") else EXPENSIVE,
    "list_datasets": lambda _: 10,
    "get_service_metrics": lambda _: 10,
}


def cost_of(operation: str | None, query: QueryParams, headers: Headers) -> int:
    """Cost in units, at least 1."""
    own = COSTS.get(operation or "")
    return (own(query) if own else 1) + _body_bytes(headers) // BODY_BYTES_PER_UNIT


def _body_bytes(headers: Headers) -> int:
    stated = headers.get("content-length", "")
    if stated.isdecimal():
        return min(int(stated), MAX_CHARGED_BYTES) if len(stated) < 10 else MAX_CHARGED_BYTES
    return MAX_CHARGED_BYTES if "transfer-encoding" in headers else 0
