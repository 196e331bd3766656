"""The content of TensorBoard's event files. Its protobufs are an optional dependency, and imported when the first file
is written: 26 ms and 1 MiB in an API that has its other modules."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from api.http.errors import TensorboardNotInstalled
from api.views.flat_spec import flat
from api.views.tf_records import framed
from jobs.queries import JobDetails
from models import JobStatus
from training.spec import ResolvedSpec

FILE_VERSION = "brain.Event:2"


class Point(NamedTuple):
    """What one row measured, at one place of the horizontal axis."""

    wall_time: float  # seconds since 1970
    step: int
    values: Sequence[float | None]  # None: it was not measured


class EventWriter:
    """Makes events of rows. Raises TensorboardNotInstalled."""

    def __init__(self) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
            from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
        except ImportError as error:
            raise TensorboardNotInstalled from error
        self._event, self._summary = event_pb2.Event, summary_pb2
        self._tensor, self._types = tensor_pb2.TensorProto, types_pb2
        self._hparams, self._session = api_pb2, plugin_data_pb2

    def beginning(self, wall_time: float) -> bytes:
        """What each file begins with."""
        return framed([self._event(wall_time=wall_time, file_version=FILE_VERSION).SerializeToString()])

    def scalars(self, tags: Sequence[str], points: Iterable[Point]) -> bytes:
        """An event for each of `points` that has a value. `tags` name its values."""
        return framed(list(self._scalar_events(tags, points)))

    def about(self, record: JobDetails) -> bytes:
        """The job's spec, as text and as hyperparameters."""
        job, spec = record.job, ResolvedSpec.to_show(record.job.spec).model_dump(mode="json")
        started = (job.started_at or job.created_at).timestamp()
        session = self._session.SessionStartInfo(group_name=job.id, start_time_secs=started)
        for name, value in flat(spec):
            kind = {bool: "bool_value", int: "number_value", float: "number_value"}.get(type(value), "string_value")
            setattr(session.hparams[name], kind, value)
        summaries = [
            self._text("spec", json.dumps(spec, indent=2, ensure_ascii=False)),
            self._of_session("session_start_info", session),
        ]
        if job.finished_at:
            ended = self._session.SessionEndInfo(status=self._status(job.status))
            ended.end_time_secs = job.finished_at.timestamp()
            summaries.append(self._of_session("session_end_info", ended))
        event = self._event(wall_time=started, summary=self._summary.Summary(value=summaries))
        return framed([event.SerializeToString(deterministic=True)])

    def _scalar_events(self, tags: Sequence[str], points: Iterable[Point]) -> Iterator[bytes]:
        # Events with the same tags differ in little: one is filled in again and again, twice as fast as new ones.
        known: dict[tuple[bool, ...], Any] = {}
        for wall_time, step, values in points:
            there = tuple(value is not None for value in values)
            if not any(there):
                continue
            event = known.get(there)
            if event is None:
                named = [self._summary.Summary.Value(tag=tag) for tag, has in zip(tags, there, strict=True) if has]
                event = known[there] = self._event(summary=self._summary.Summary(value=named))
            event.wall_time, event.step = wall_time, step
            for place, value in zip(event.summary.value, (each for each in values if each is not None), strict=True):
                place.simple_value = value
            yield event.SerializeToString()

    def _text(self, tag: str, code: str) -> Any:
        """Shown as Markdown, in which indented lines are as they are."""
        lines = "".join(f"    {line}\n" for line in code.splitlines())
        tensor = self._tensor(dtype=self._types.DT_STRING, string_val=[lines.encode()])
        tensor.tensor_shape.dim.add(size=1)
        return self._value(tag, "text", b"", tensor)

    def _of_session(self, name: str, info: Any) -> Any:
        content = self._session.HParamsPluginData(version=0, **{name: info}).SerializeToString(deterministic=True)
        tensor = self._tensor(dtype=self._types.DT_FLOAT)
        tensor.tensor_shape.dim.add(size=0)  # all is in the plugin's own data
        return self._value(f"_hparams_/{name}", "hparams", content, tensor)

    def _value(self, tag: str, plugin: str, content: bytes, tensor: Any) -> Any:
        metadata = self._summary.SummaryMetadata(
            plugin_data={"plugin_name": plugin, "content": content}, data_class=self._summary.DATA_CLASS_TENSOR
        )
        return self._summary.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)

    def _status(self, status: JobStatus) -> Any:
        good = status in (JobStatus.SUCCEEDED, JobStatus.STOPPED)
        return self._hparams.STATUS_SUCCESS if good else self._hparams.STATUS_FAILURE
