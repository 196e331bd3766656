"""Trained models and the names that a project gives them."""
