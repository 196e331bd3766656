"""Turns domain objects into JSON, CSV and pictures. Nothing here begins a transaction of its own."""
