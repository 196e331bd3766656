"""A service with something of each kind, and the addresses of the page's main states."""

from tests.web.service import Service

# Names as people and attackers choose them: shown as they are, never run, never wider than the page.
MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script><b>bold</b>'
HOSTILE = {
    "markup": MARKUP,
    "right to left": "مرحبا \u202egnp.exe\u202c بالعالم",
    "255 characters": "x" * 255,
    "emoji": "🐈\u200d⬛ chats 👩🏽\u200d🔬 & <chiens> " + "🏳️\u200d🌈" * 5,
}


def fill(service: Service) -> dict[str, str]:
    """The addresses, by what is seen there."""
    jobs = {
        name: service.job(name=hostile, recorded=8, tags=[hostile[:64], "lab"]).id for name, hostile in HOSTILE.items()
    }
    jobs["that runs"] = service.job(name="runs", recorded=12, epochs=30).id
    jobs["that waits"] = service.job(name="waits", running=False).id
    failed = service.job(name="failed", recorded=2)
    failed.fail(message=f"The loss was nan: {MARKUP}", hint="Lower it. " + "y" * 255)
    succeeded = service.job(name="succeeded", recorded=10)
    succeeded.succeed(classes=[MARKUP, "cat", "z" * 255])
    jobs |= {"that failed": failed.id, "that succeeded": succeeded.id}
    sweep = service.client.sweeps.create({"dataset": "digits", "epochs": 2}, {"batch_size": [32, 64]}, name=MARKUP)
    experiment = next(iter(service.client.experiments.list())).name
    model = next(iter(service.client.models.list())).id
    both = f"job={jobs['that succeeded']}&job={jobs['that runs']}"
    return {
        "jobs": "/jobs",
        **{f"a job {name}": f"/jobs/{job_id}" for name, job_id in jobs.items()},
        "a job that is not there": "/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf",
        "a comparison": f"/compare?{both}&job={jobs['markup']}",
        "a comparison with a baseline": f"/compare?{both}&baseline={jobs['that runs']}",
        "a comparison of nothing": "/compare",
        "the form": "/new",
        "the form for a rerun": f"/new?from={jobs['that succeeded']}",
        "data sets": "/datasets",
        "a data set": "/datasets/digits",
        "models": "/models",
        "a model": f"/models/{model}",
        "a model that is not there": "/models/mdl_01kasm2pbk5s9d0w3g6vq8zrhf",
        "sweeps": "/sweeps",
        "a sweep": f"/sweeps/{sweep.id}",
        "experiments": "/experiments",
        "an experiment": f"/experiments/{experiment}",
        "workers": "/workers",
        "settings": "/settings",
    }
