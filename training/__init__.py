"""How a network learns: a library that a notebook could use. No HTTP, no SQL, no Celery.

`training.spec`, `training.metrics`, `training.plan`, `training.recipes`, `training.recipe_results` and
`training.known_datasets` are torch-free: the platform reads them. Everything else needs torch, which is why this file
imports nothing.
"""
