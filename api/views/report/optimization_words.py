"""Optimizers and schedules in words."""

from collections.abc import Mapping

from api.views.report.document import Setting
from api.views.report.text import count, listed, significant
from training.number_format import plain
from training.spec import (
    Exponential,
    HeavyBall,
    MultiStep,
    Muon,
    Nesterov,
    OneCycle,
    Optimizer,
    Plateau,
    Polynomial,
    RmsProp,
    Schedule,
    Sgd,
    StepDecay,
    WarmRestarts,
)

OPTIMIZERS: Mapping[str, tuple[str, str]] = {
    "gd": ("Gradient descent", "A step down the gradient of all training images."),
    "sgd": (
        "SGD",
        "A step down the gradient of one batch; momentum keeps a part of the steps before, which evens out noise.",
    ),
    "momentum": (
        "SGD with momentum",
        "A step keeps a part of the steps before, as a heavy ball does, which evens out noise.",
    ),
    "nesterov": ("SGD with Nesterov's momentum", "As momentum, with the gradient taken a little ahead on the way."),
    "adagrad": (
        "AdaGrad",
        "Each weight has its own rate, which falls as its gradients add up: it only ever slows down.",
    ),
    "rmsprop": (
        "RMSprop",
        "Each weight's gradient is divided by the size of its recent ones, so that all move about as fast.",
    ),
    "adadelta": ("Adadelta", "As RMSprop, with steps in units of the steps before."),
    "adam": ("Adam", "Momentum, divided by the size of recent gradients: quick to start, and little to tune."),
    "adamw": ("AdamW", "Adam with weight decay apart from the gradient, as it is meant to work."),
    "nadam": ("NAdam", "Adam with Nesterov's momentum."),
    "lion": ("Lion", "Every weight moves by the same amount: the sign of its momentum."),
    "lamb": ("LAMB", "AdamW with a step in proportion to each layer's weights, for very large batches."),
    "muon": (
        "Muon",
        "The momentum of each convolution is made orthogonal, so that all directions are learned as fast.",
    ),
}
SCHEDULES: Mapping[str, tuple[str, str]] = {
    "constant": ("constant", "The learning rate stays: late steps are as long as early ones, and the end is noisy."),
    "step": ("steps", "Long steps first, to get far; each drop lets the network settle."),
    "multistep": ("steps at milestones", "Long steps first, to get far; each drop lets the network settle."),
    "exponential": ("exponential", "The learning rate falls by the same share each epoch."),
    "cosine": (
        "cosine",
        "The learning rate falls along half a cosine: long steps for most of the run, and a gentle end.",
    ),
    "warm_restarts": ("cosine with restarts", "The learning rate falls along cosines, and begins anew after each."),
    "range_test": (
        "range test",
        "The learning rate rises from step to step, to find out with which one the network learns. It is not tested.",
    ),
    "one_cycle": ("one cycle", "The learning rate rises from a small one, and then falls far below it."),
    "linear": ("linear", "The learning rate falls in a straight line."),
    "polynomial": ("polynomial", "The learning rate falls quickly first, and then slower."),
    "plateau": ("on plateaus", "The learning rate falls when the loss has stopped falling."),
}


def optimizer(chosen: Optimizer) -> Setting:
    """With its learning rate, its momentum and its weight decay, where it has them."""
    name, meaning = OPTIMIZERS[chosen.name]
    told = [name, f"learning rate {significant(chosen.learning_rate)}"]
    if isinstance(chosen, Sgd | HeavyBall | Nesterov | RmsProp | Muon) and chosen.momentum:
        told.append(f"momentum {plain(chosen.momentum)}")
    if chosen.weight_decay:
        told.append(f"weight decay {plain(chosen.weight_decay)}")
        meaning += " Weight decay pulls weights towards 0, so that only what the data asks for grows."
    if chosen.sam:
        told.append(f"SAM with radius {plain(chosen.sam.rho)}")
        meaning += " SAM looks for flat minima, at twice the work."
    return Setting("Optimizer", ", ".join(told), meaning)


def schedule(chosen: Schedule) -> Setting:
    """With the figures that it is made of."""
    name, meaning = SCHEDULES[chosen.name]
    told = [name, *_figures(chosen)]
    if chosen.warmup_epochs:
        told.append(f"after a warm-up of {count(chosen.warmup_epochs, 'epoch')}")
        meaning += " The warm-up starts with short steps, while the weights are still random."
    return Setting("Learning rate", ", ".join(told), meaning)


def _figures(chosen: Schedule) -> list[str]:
    match chosen:
        case StepDecay():
            return [f"times {plain(chosen.gamma)} every {count(chosen.step_epochs, 'epoch')}"]
        case MultiStep():
            return [f"times {plain(chosen.gamma)} at epochs {listed([str(each) for each in chosen.milestones[:12]])}"]
        case Exponential():
            return [f"times {plain(chosen.gamma)} each epoch"]
        case WarmRestarts():
            return [
                f"first cycle of {count(chosen.first_cycle_epochs, 'epoch')}, each {chosen.cycle_factor} times the last"
            ]
        case OneCycle():
            return [f"rise over {chosen.rise:.0%} of the steps"]
        case Polynomial():
            return [f"power {plain(chosen.power)}"]
        case Plateau():
            patience = count(chosen.patience, "epoch")
            return [
                f"times {plain(chosen.gamma)} when the {chosen.watch.replace('_', ' ')} has not fallen for {patience}"
            ]
        case _:
            return []
