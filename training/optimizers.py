"""The only place where an optimizer's spec becomes torch's arguments."""

from torch import nn, optim

from training.spec import Adam, AdamW, Optimizer, Sgd


def build_optimizer(spec: Optimizer, network: nn.Module) -> optim.Optimizer:
    """An optimizer of torch's own over every parameter of `network`, fused: one pass over the weights a step."""
    match spec:
        case Sgd():
            return optim.SGD(
                network.parameters(),
                lr=spec.learning_rate,
                momentum=spec.momentum,
                nesterov=spec.nesterov,
                weight_decay=spec.weight_decay,
                fused=True,
            )
        case Adam() | AdamW():
            kind = optim.Adam if isinstance(spec, Adam) else optim.AdamW
            return kind(
                network.parameters(),
                lr=spec.learning_rate,
                betas=spec.betas,
                eps=spec.epsilon,
                weight_decay=spec.weight_decay,
                fused=True,
            )
