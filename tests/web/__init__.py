"""The page, in a real Chromium, over a real API. Fixtures of `conftest.py`:

- `chromium`: the browser; one for all these tests.
- `service`: `Service`, the API over a database of its own, without a worker. It starts in a moment, once for each file.
  Its jobs are made by `service.job(…)`, which plays the worker by the functions that a worker calls; `job.record()`
  records one more epoch now. `service.stop()` and `service.start()` restart it at the same port.
- `fresh_service`: one for this test alone, with nothing in it.
- `keyed_service`: one for this test alone that asks for keys: `keys["read"]`, `keys["train"]`, `keys["admin"]`.
- `deployment`: the service as `make up` runs it, with a worker that trains; one for all these tests, and 10 seconds
  until it is there.
- `page`: a page of `service`: `page.goto("/jobs")`.
- `open_page`: `open_page(service, width=360, dark=True, locale="zh-CN")` is another page, of any service.
- `problems`: what went wrong in the pages of a test: errors on the console, violations of the policy, requests that
  failed or left the origin. The test fails at its end where `problems.expect(pattern)` has not announced them.

A page's policy forbids `eval`, and with it `page.wait_for_function`: wait by `expect(locator)` or `until(lambda: …)`.
"""
