"""Checks of environment variables: addresses, files and names. All are checked before anything starts.

No message shows any part of a value, as written or decoded: it may be a secret.
"""
