"""Statuses that are the last."""

from __future__ import annotations

JOB_FINAL = frozenset({"succeeded", "failed", "cancelled", "stopped"})
SWEEP_FINAL = frozenset({"succeeded", "failed", "stopped", "cancelled", "deleted"})  # all of its jobs have ended
