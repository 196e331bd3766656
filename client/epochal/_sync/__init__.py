# Made of epochal/_async/__init__.py by client/unasync.py: change that one.
"""The client that is awaited. `_sync` is made of it: see client/unasync.py."""
