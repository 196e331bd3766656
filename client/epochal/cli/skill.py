"""The page that `epochal skill` prints."""

from __future__ import annotations

PAGE = """\
# epochal: for programs and agents

Trains image classifiers on an Epochal service. A job trains one network; its spec says how.

## What you can rely on

- Without a terminal, nothing asks, nothing is drawn in place, and nothing is followed unless you say so. `submit`
  returns as soon as the service has the job. What deletes needs --yes.
- The standard output has the result alone; remarks and errors go to the standard error, as one line and a hint.
- Through a pipe, the result is JSON, one object of the API a line: --json says so in any case. Fields are only added.
  NaN and the infinities are the strings "NaN", "Infinity", "-Infinity". Accuracies are fractions. Epochs count from 0.
- Exit codes: 0 done; 1 the job failed or was cancelled, or the data set was refused; 2 the command is wrong: change it;
  3 the service or the key is wrong: the same command may work later; 130 interrupted.
- A request that makes a job is sent with an idempotency key: repeated by itself after a lost connection, it makes one.
- EPOCHAL_URL and EPOCHAL_API_KEY say where the service is; `epochal login` stores them; no key is ever an argument.

## From a spec to a result

    epochal doctor                                    # is everything there? exit code 3 if not
    epochal datasets --json                           # names for a spec's `dataset`
    epochal submit -d digits -e 5 --dry-run --json    # the whole spec, memory and time; submits nothing
    epochal submit -d digits -e 5 -n first --json     # {"id": "job_...", ...}: returns at once
    epochal watch first --json                        # waits until it has ended; exit code 1 if it failed
    epochal metrics first --json                      # a row an epoch
    epochal diagnose first --json                     # what the curves mean; `spec` of a suggestion is for rerun
    epochal rerun first --set optimizer.learning_rate=0.05 --json
    epochal compare first @last --json                # is the difference more than chance?

## Following without a terminal

- `epochal logs -f JOB --json` prints each event once, as it happens, and ends with the job: type "epoch" has `metrics`.
- `epochal watch JOB --json` prints nothing until the job has ended, then the job.
- `epochal metrics JOB --json --after-epoch N` returns at once with what is new. Wait some seconds before you ask again.
- Interrupting any of these leaves the job running. `epochal cancel JOB` ends it, `epochal stop JOB` keeps its weights.

## Names

JOB is an id, the start of an id that one job alone has, a name that one job alone has, or @last: the job that this
account submitted last to this service. In parallel work use the id that `submit` printed.

## Specs

`--set PATH=VALUE` sets any field: the value is JSON or a word: --set optimizer.name=adamw --set augmentation.flip=true.
`-f FILE` takes a spec, or a job with `spec` in it, as JSON, YAML or TOML; `-f -` the standard input. Flags go before
the file. A wrong field is exit code 2, and the error names its path. `epochal recipes` has starting points.

Every command has --help with examples.
"""
