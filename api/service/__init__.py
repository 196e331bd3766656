"""Objects that live as long as the process: admission, fair limits, caches, background tasks, metrics."""
