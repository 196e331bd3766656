"""Exports a trained model: a program of its own for each export, started as validations are.

`python -m worker.exporting` takes an order on its standard input and says on its standard output how far it is and
which files it has stored (`messages`). It needs torch, and has no database.
"""
