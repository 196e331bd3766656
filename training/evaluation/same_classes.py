"""Whether a network and a data set have the same classes, by their names."""

from collections.abc import Sequence

from training.names import in_one_form, listed


def difference(network: Sequence[str], dataset: Sequence[str]) -> str | None:
    """What differs, for people; None where both have the same classes, in whatever order."""
    known, named = map(in_one_form, network), map(in_one_form, dataset)
    ours, theirs = dict.fromkeys(known), dict.fromkeys(named)  # sets that keep their order
    unknown, lacking = [name for name in theirs if name not in ours], [name for name in ours if name not in theirs]
    told = [f"the network does not know {listed(unknown)}"] if unknown else []
    told += [f"the data set lacks {listed(lacking)}"] if lacking else []
    return f"the classes are others: {'; '.join(told)}" if told else None
