"""Making jobs: once for an Idempotency-Key, again with changes, or only as a dry run."""
