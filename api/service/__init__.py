"""What lives as long as the process does: admission, fair shares, caches, background work, measurements."""
