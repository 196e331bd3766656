"""Architectures and data sets: what a job can name."""
