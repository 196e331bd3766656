"""Celery: deliver jobs to trainer processes and supervise them.

The Celery process never imports torch. `trainer_process` is the only door to it, and opens in another process.
"""
