"""How often a run is saved, so that it can go on from there, and how much of that is kept."""

from pydantic import Field

from training.spec.part import Part, quantity


class Checkpoints(Part):
    """When a run is saved as it goes on, so that whatever interrupts it costs no more than what it has done since."""

    interval: int = quantity(1, unit="epochs", ge=1, le=10_000, description="Epochs from one checkpoint to the next.")
    minutes: float | None = quantity(
        10.0,
        unit="minutes",
        gt=0,
        le=10_080,
        description="Also save when this much time has passed since the last checkpoint, in the middle of an epoch, "
        "too; null: only at the end of epochs.",
    )
    keep: int = quantity(
        2,
        unit="checkpoints",
        ge=1,
        le=100,
        description="Keep the last so many: where the newest cannot be used, the one before is.",
    )
    keep_best: bool = Field(
        default=True,
        description="Keep that of the best epoch, too, by validation accuracy where there is one, otherwise by test "
        "accuracy.",
    )
