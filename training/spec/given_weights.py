"""Whether given weights are of the network that a spec asks for: at its submission, and when it begins."""

import json

from training.spec.architecture import Architecture, ResNet, ResNext


def misfit(asked: Architecture, given: Architecture, given_size: int) -> str | None:
    """What is wrong with weights of a network `given` for images of `given_size` pixels a side, where a job asks for
    the network `asked`; None where they are of that. Another size of images and other classes are no fault: the head
    starts anew, and the stem `auto` is the one that the weights have. Noise in training is no part of a network."""
    noise = {"dropout": asked.dropout, "stochastic_depth": asked.stochastic_depth}
    trained = given.model_copy(update=noise)
    told = f"is a {described(given)}, and the job asks for a {described(asked)}"
    if not (isinstance(asked, ResNet | ResNext) and isinstance(trained, ResNet | ResNext)):
        return None if asked == trained else told
    if trained.model_copy(update={"stem": asked.stem}) != asked:
        return told
    theirs = trained.stem_for(given_size)
    if asked.stem not in ("auto", theirs):
        return f"has the {theirs} stem, and the job asks for the {asked.stem} stem: take {theirs}"
    return None


def described(architecture: Architecture) -> str:
    """Its name and whatever is not as by default."""
    changed = architecture.model_dump(exclude_defaults=True, exclude={"name"})
    return architecture.name + (f" with {json.dumps(changed)}" if changed else "")
