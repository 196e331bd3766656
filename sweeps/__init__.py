"""Sweeps: several jobs that answer one question. Their trials are ordinary jobs, whose `parent` the sweep is. What
repeats a trial under another seed belongs to the sweep, too.

Only this room writes the table of sweeps. What became of a trial stands in its job's rows alone, so that nothing can
differ. `sweeps/experiments/` has the questions that are ready-made.
"""
