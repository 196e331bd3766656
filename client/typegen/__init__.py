"""Writes the types of the SDK, `epochal.types`, from the OpenAPI document of the API. It is no part of the wheel."""
