"""Judges the labels of a data set: a program of its own for each audit, started as validations are.

`python -m worker.audit` takes an order on its standard input and says on its standard output how far it is and what it
has found (`messages`). It has no torch and no database. `judging` finds suspects by confident learning, `leaks` the
images that have a twin among those that a network was trained on.
"""
