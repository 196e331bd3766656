"""What is drawn on a terminal: from the records of the API to text, with the standard library alone.

`text` makes foreign text harmless and measures it, `tables` and `plot` draw what stands still, `screen` what is redrawn
in place, `following` shows one job and `watching` all that run.
"""
