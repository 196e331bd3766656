"""The client that is awaited. `_sync` is made of it: see client/unasync.py."""
