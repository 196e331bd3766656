"""Questions that several jobs answer together, ready-made: what they ask, what to expect, the jobs, and the answer.

An answer is computed from what the jobs have measured. No sentence in it holds a result that was known before.
"""
