"""Sends events of jobs as signed messages to URLs that clients choose."""
