"""Evaluates a trained model on a data set: a program of its own for each evaluation, started as validations are.

`python -m worker.evaluating` takes an order on its standard input and says on its standard output how far it is and
what it has measured (`messages`). It needs torch, and has no database.
"""
