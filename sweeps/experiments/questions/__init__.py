"""The questions, one in each file: what it asks, what to expect, and the jobs that answer it."""
