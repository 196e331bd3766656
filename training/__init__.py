"""How a network learns: a library that a notebook could use. No HTTP, no SQL, no Celery.

`training.engine` trains, and needs torch. `python -m training` and `training.notebook` are its two entrances.
Everything else is torch-free, so that the platform can read it: `spec` (what a job asks for), `plan` (what a network
consists of), `known` (recipes and data sets), `image_folders`, `batching`, `metrics` and a few smaller modules. This
file imports nothing, since importing any of them imports it first.
"""
