"""Reading jobs: polling, streams, pages of rows, the log, downloads."""
