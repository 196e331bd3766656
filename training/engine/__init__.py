"""Trains a network: everything that needs torch. It starts in `trainer`, which reads from top to bottom.

Only `training.notebook`, `python -m training` and the trainer process of a worker import it: torch takes seconds to
load and hundreds of megabytes of memory, which neither the API nor a worker's supervisor should pay.
"""
