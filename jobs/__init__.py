"""What may happen to a job. Only this room writes a job's state; it knows neither HTTP nor torch."""
