"""Which way of computing a step is the fastest on this machine: measured during the run, kept for later runs."""
