"""How jobs are made: once for an Idempotency-Key, again with changes, or not at all in a dry run."""
