"""What using a trained network takes."""

import warnings

from pydantic import TypeAdapter

from jobs.network_input import NetworkInput

TOLD = {"classes": ["ant", "bee"], "image_size": 8, "channels": 1, "mean": [77.5], "deviation": [95.25]}


def test_what_weights_carry_is_sent_on_without_a_warning() -> None:
    """pydantic warns of a list where a tuple is said, in the worker's log, at the end of every job."""
    told = NetworkInput.of(TOLD)
    assert told == NetworkInput(("ant", "bee"), 8, 1, (77.5,), (95.25,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sent = TypeAdapter(NetworkInput).dump_json(told)
    assert TypeAdapter(NetworkInput).validate_json(sent) == told
