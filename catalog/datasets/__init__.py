"""Data sets that a job can name: those that Epochal knows, an operator's image folders, and what projects upload.

`listing` sees the first two, without loading any. `uploads` and `versions` have the rows of the third.
"""
