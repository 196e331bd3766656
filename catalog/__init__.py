"""Data sets and trained networks: what goes into training and what comes out of it."""
