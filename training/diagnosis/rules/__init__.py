"""Rules: each looks at a run, and yields what it finds. The thresholds stand at the head of each file, with the reason
or the source; docs/diagnosis.md has them in one table."""
