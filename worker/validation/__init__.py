"""Validates data sets: a program of its own for each task, which reads what a stranger has sent.

`python -m worker.validation` takes an order on its standard input and says on its standard output how far it is and
what it has found (`messages`). It has no torch, no database, and bounds on its memory, its time, its open files and
its disk (`limits`). Images are decoded in processes of their own (`decoding`), so that an image that kills its decoder
is named, and costs nothing else.
"""
