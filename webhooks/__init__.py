"""Who is told of what happens to jobs, and the telling: signed messages to addresses that clients choose."""
