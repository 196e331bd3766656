"""How jobs are read: polling, streams, pages of rows, the log, downloads."""
