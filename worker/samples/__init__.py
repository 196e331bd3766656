"""Draws what a network will see: a program of its own for each sheet, started as validations are.

`python -m worker.samples` takes an order on its standard input and says on its standard output which file it has stored
(`messages`). It needs torch, as augmentation is the training's own, and has no database.
"""
