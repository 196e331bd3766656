"""How a network learns: a library that a notebook could use. No HTTP, no SQL, no Celery.

`training.spec`, `training.metrics`, `training.plan`, `training.recipes`, `training.recipe_results`,
`training.known_datasets`, `training.dataset_names`, `training.image_folders`, `training.folder_listing`,
`training.file_kinds`, `training.names` and `training.invalid` are torch-free: the platform reads them. Everything else
needs torch, which is why this file imports nothing.
"""
