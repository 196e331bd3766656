"""`python -m api.service.mlflow_program`: writes one job to an MLflow tracking server, and ends.

A process of its own: the library has settings for the whole process, tells its makers about its use unless it is
forbidden, and repeats requests for minutes. It reads an ExportOrder from its standard input, so that no address and no
password is in its arguments, and writes an ExportAnswer, which has no text of the library's.

A job has one run, which is found by a tag. What the run has already is not sent again.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from api.service.mlflow_messages import (
    MOST_METRICS,
    MOST_PARAMETERS,
    ExportAnswer,
    ExportedEpoch,
    ExportOrder,
    Failure,
)

JOB_TAG, EPOCHS_TAG = "epochal.job", "epochal.exported_epochs"
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def main() -> None:
    """Export one job."""
    answers, sys.stdout = sys.stdout, sys.stderr  # the library prints addresses
    body = json.load(sys.stdin)
    epochs = [ExportedEpoch(**each) for each in body.pop("epochs")]
    answer = carried_out(ExportOrder(**body, epochs=epochs))
    json.dump(asdict(answer), answers)


def carried_out(order: ExportOrder) -> ExportAnswer:
    """Write a job to the server. Changes the environment of the process."""
    os.environ.update(SETTINGS)
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING_")]:
        del os.environ[name]  # of this machine's user, perhaps
    if order.username is not None:
        os.environ["MLFLOW_TRACKING_USERNAME"] = order.username
        os.environ["MLFLOW_TRACKING_PASSWORD"] = order.password or ""
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        return ExportAnswer(failure="not_installed")
    try:
        return _Export(MlflowClient(tracking_uri=order.uri, registry_uri=order.uri), order).run()
    except MlflowException as error:
        return ExportAnswer(failure=_failure_of(error))
    except OSError:  # as which requests' errors come
        return ExportAnswer(failure="unavailable")


def _failure_of(error: Any) -> Failure:
    """The library makes its own error of one that it has met on the way to the server, and has that in its text."""
    is_away = "failed with exception" in str(error) or error.get_http_status_code() in (502, 503, 504)
    return "unavailable" if is_away else "refused"


class _Export:
    """One job, on one server."""

    def __init__(self, client: Any, order: ExportOrder) -> None:
        from mlflow.entities import Metric, Param, RunTag

        self._client, self._order = client, order
        self._metric, self._param, self._tag = Metric, Param, RunTag

    def run(self) -> ExportAnswer:
        """Make the run, or go on with it."""
        order, experiment = self._order, self._experiment()
        found = self._found(experiment)
        is_new = not found
        run = found[0] if found else self._made(experiment)
        run_id = run.info.run_id
        known = run.data.params
        parameters = [self._param(name, value) for name, value in order.parameters.items() if name not in known]
        for some in _in_parts(parameters, MOST_PARAMETERS):
            self._client.log_batch(run_id, params=some)
        sent = self._send_epochs(run_id, int(run.data.tags.get(EPOCHS_TAG, "0")))
        tags = {**order.tags, "mlflow.runName": order.run_name}
        self._client.log_batch(run_id, tags=[self._tag(name, value) for name, value in tags.items()])
        if order.ended is None:
            self._client.update_run(run_id, status=order.status)
        else:
            self._client.set_terminated(run_id, order.status, order.ended)
        return ExportAnswer(run_id=run_id, is_new=is_new, epochs=sent)

    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._order.experiment)
        if found is None:
            try:
                return str(self._client.create_experiment(self._order.experiment))
            except MlflowException:  # made meanwhile, perhaps
                found = self._client.get_experiment_by_name(self._order.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _found(self, experiment: str) -> list[Any]:
        """The job's runs. The first one counts, for whoever looks."""
        wanted = f"tags.`{JOB_TAG}` = '{self._order.job_id}'"
        runs = self._client.search_runs([experiment], wanted, max_results=10)
        return sorted(runs, key=lambda run: str(run.info.run_id))

    def _made(self, experiment: str) -> Any:
        """Of two exports at the same time, both take the same run, and one deletes its own."""
        order = self._order
        made = self._client.create_run(experiment, order.started, {JOB_TAG: order.job_id}, order.run_name)
        first = next(iter(self._found(experiment)), made)
        if first.info.run_id != made.info.run_id:
            self._client.delete_run(made.info.run_id)
        return first

    def _send_epochs(self, run_id: str, first: int) -> int:
        """Those that the run does not have. Each request says how far it is, beside its metrics."""
        metrics: list[Any] = []
        epochs = self._order.epochs[first:]
        for number, each in enumerate(epochs, start=first + 1):
            if len(metrics) + len(each.values) > MOST_METRICS:
                self._client.log_batch(run_id, metrics=metrics, tags=[self._tag(EPOCHS_TAG, str(number - 1))])
                metrics = []
            metrics += [self._metric(name, value, each.milliseconds, each.epoch) for name, value in each.values.items()]
        if metrics:
            self._client.log_batch(run_id, metrics=metrics, tags=[self._tag(EPOCHS_TAG, str(first + len(epochs)))])
        return len(epochs)


def _in_parts(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    left = iter(values)
    while part := list(islice(left, size)):
        yield part


if __name__ == "__main__":
    main()
