"""Lines of the lab's log, without line ends."""

from collections.abc import Iterator

from models import Epoch, Step


def heading(epoch: int) -> str:
    """What an epoch begins with."""
    return f"========== epoch: {epoch} =========="


def step_line(step: Step) -> str:
    """A recorded step."""
    return f"Epoch: {step.epoch}, Step {step.step}, Loss: {step.loss:.4f}"


def result_lines(epoch: Epoch) -> Iterator[str]:
    """What an epoch ends with; nothing where it was not evaluated."""
    if epoch.test_loss is not None and epoch.test_accuracy is not None:
        yield f"Test Loss: {epoch.test_loss:.4f}"
        yield f"Test Accuracy: {epoch.test_accuracy:.2%}"
