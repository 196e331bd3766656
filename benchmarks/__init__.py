"""Every claim about speed or accuracy, as a command that measures it. Results lie in `results/`."""
