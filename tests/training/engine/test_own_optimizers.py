"""Lion, LAMB and Muon against their papers, written out one weight at a time; Muon also against torch's."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from tests.training.small_problem import small_network
from training.engine.device.precision import multiplies_bf16
from training.engine.optimizers import build_optimizer
from training.engine.optimizers.muon import orthogonalised, takes_muon
from training.spec import Lamb, Lion, Muon

STEPS = 25
BF16 = multiplies_bf16(torch.device("cpu"))


def gradients_of(network: nn.Module) -> Iterator[list[Tensor]]:
    """The same for every optimizer of one network: STEPS times a gradient for each weight, of differing sizes."""
    generator = torch.Generator().manual_seed(3)
    for step in range(STEPS):
        yield [
            torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.dtype) * 10 ** (step % 3 - 2)
            for weight in network.parameters()
        ]


def stepped(network: nn.Module, optimizer: optim.Optimizer) -> list[Tensor]:
    """The weights after STEPS steps."""
    weights = list(network.parameters())
    for gradients in gradients_of(network):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.empty_like(weight).copy_(gradient)  # laid out as autograd does
        optimizer.step()
        for weight, gradient in zip(weights, gradients, strict=True):
            assert weight.grad is not None
            assert weight.grad.equal(gradient)  # optimizers leave gradients as they are
    return [weight.detach() for weight in weights]


def test_lion_is_algorithm_2_of_its_paper() -> None:
    spec = Lion(learning_rate=0.02, betas=(0.8, 0.95), weight_decay=0.1)
    network = small_network(torch.float64)
    found = stepped(network, build_optimizer(spec, network))
    reference = small_network(torch.float64)
    weights = [weight.detach() for weight in reference.parameters()]
    momenta = [torch.zeros_like(weight) for weight in weights]
    first, second = spec.betas
    for gradients in gradients_of(reference):
        for weight, momentum, gradient in zip(weights, momenta, gradients, strict=True):
            update = torch.sign(first * momentum + (1 - first) * gradient)
            weight -= spec.learning_rate * (update + spec.weight_decay * weight)
            momentum.mul_(second).add_((1 - second) * gradient)
    for ours, expected in zip(found, weights, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_lion_moves_every_weight_by_the_learning_rate() -> None:
    network, before = small_network(), small_network()
    optimizer = build_optimizer(Lion(learning_rate=0.01, weight_decay=0.0), network)
    for weight, gradient in zip(network.parameters(), next(gradients_of(network)), strict=True):
        weight.grad = gradient
    optimizer.step()
    for now, then in zip(network.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close((now - then).abs(), torch.full_like(now, 0.01), rtol=1e-4, atol=1e-6)


def test_lamb_is_algorithm_2_of_its_paper() -> None:
    spec = Lamb(learning_rate=0.02, betas=(0.8, 0.95), epsilon=1e-3, weight_decay=0.1)
    network = small_network(torch.float64)
    found = stepped(network, build_optimizer(spec, network))
    reference = small_network(torch.float64)
    weights = [weight.detach() for weight in reference.parameters()]
    means, squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    first, second = spec.betas
    for step, gradients in enumerate(gradients_of(reference), start=1):
        for weight, mean, square, gradient in zip(weights, means, squares, gradients, strict=True):
            mean.mul_(first).add_((1 - first) * gradient)
            square.mul_(second).add_((1 - second) * gradient**2)
            ratio = mean / (1 - first**step) / ((square / (1 - second**step)).sqrt() + spec.epsilon)
            update = ratio + spec.weight_decay * weight
            # The paper scales every layer; vectors are left as they are, as in the authors' code.
            trust = float(weight.norm() / update.norm()) if weight.ndim > 1 else 1.0
            weight -= spec.learning_rate * trust * update
    for ours, expected in zip(found, weights, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-7)  # bias corrections are rounded to float32


def test_lamb_moves_each_layer_by_its_own_norm() -> None:
    network, before = small_network(), small_network()
    optimizer = build_optimizer(Lamb(learning_rate=0.01), network)
    for weight, gradient in zip(network.parameters(), next(gradients_of(network)), strict=True):
        weight.grad = gradient
    optimizer.step()
    for now, then in zip(network.parameters(), before.parameters(), strict=True):
        if now.ndim > 1:
            assert (now - then).norm().item() == pytest.approx(0.01 * then.norm().item(), rel=1e-4)


def test_lamb_on_vectors_alone_is_adamw() -> None:
    ours, theirs = nn.BatchNorm2d(5).double(), nn.BatchNorm2d(5).double()
    spec = Lamb(learning_rate=0.02, betas=(0.8, 0.95), epsilon=1e-6, weight_decay=0.1)
    found = stepped(ours, build_optimizer(spec, ours))
    expected = stepped(theirs, optim.AdamW(theirs.parameters(), 0.02, (0.8, 0.95), 1e-6, 0.1))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("spec", [Lion(), Lamb(), Muon()], ids=lambda spec: str(spec.name))
@pytest.mark.parametrize("zero", ["weights", "gradients", "both"])
def test_zeros_do_not_become_nan(spec: Lion | Lamb | Muon, zero: str) -> None:
    network = small_network()
    optimizer = build_optimizer(spec, network)
    for _ in range(2):
        for weight in network.parameters():
            weight.grad = torch.zeros_like(weight) if zero != "weights" else torch.ones_like(weight)
            if zero != "gradients":
                nn.init.zeros_(weight)
        optimizer.step()
    assert all(weight.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize("spec", [Lion(), Lamb(), Muon()], ids=lambda spec: str(spec.name))
def test_weights_without_a_gradient_stay(spec: Lion | Lamb | Muon) -> None:
    network, before = small_network(), small_network()
    optimizer = build_optimizer(spec, network)
    weights = dict(network.named_parameters())
    for name in ("0.weight", "3.weight"):
        weights[name].grad = torch.ones_like(weights[name])
    optimizer.step()
    moved = {name for name, then in before.named_parameters() if not weights[name].equal(then)}
    assert moved == {"0.weight", "3.weight"}


def test_a_closure_is_called_with_gradients_on() -> None:
    network = nn.Linear(2, 1)
    optimizer = build_optimizer(Lion(), network)

    def closure() -> float:
        loss = network(torch.ones(1, 2)).sum()
        loss.backward()
        return float(loss.item())

    expected = closure()
    assert optimizer.step(closure) == expected
    assert closure() < expected


def torch_s_muon(spec: Muon, weights: list[nn.Parameter]) -> optim.Optimizer:
    return optim.Muon(weights, spec.learning_rate, spec.weight_decay, spec.momentum)


class Matrices(nn.Module):
    """Convolutions' weights, tall, square and wide, two of one shape; or the matrices that they are."""

    def __init__(self, *, flat: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        for number, shape in enumerate(((40, 4, 1, 1), (8, 8, 1, 1), (6, 4, 3, 3), (6, 4, 3, 3), (64, 5, 2, 2))):
            weight = torch.randn(shape, generator=generator)
            self.register_parameter(str(number), nn.Parameter(weight.flatten(1) if flat else weight))


def test_muon_is_torch_s_on_the_matrices_that_convolutions_are() -> None:
    """torch's takes no weights of four dimensions, goes through one after the other, and casts to bf16 before it
    divides by the norm, which is why they agree only to bf16's rounding (2^-8), over a few steps of one size."""
    spec = Muon(learning_rate=0.1, weight_decay=0.2, momentum=0.9)
    network, flat = Matrices(flat=False), Matrices(flat=True)
    before = [weight.detach().clone() for weight in flat.parameters()]
    ours, theirs = build_optimizer(spec, network), torch_s_muon(spec, list(flat.parameters()))
    generator = torch.Generator().manual_seed(5)
    for _ in range(6):
        for weight, matrix in zip(network.parameters(), flat.parameters(), strict=True):
            weight.grad = torch.randn(weight.shape, generator=generator)
            matrix.grad = weight.grad.flatten(1)
        ours.step()
        theirs.step()
    for weight, matrix, start in zip(network.parameters(), flat.parameters(), before, strict=True):
        difference = (weight.flatten(1) - matrix).norm() / (matrix - start).norm()
        assert difference < 0.02


def newton_schulz(matrix: Tensor) -> Tensor:
    """As on the author's page, in float64."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


SHAPES = [(1, 1), (5, 5), (3, 50), (50, 3), (64, 64), (32, 288)]


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_orthogonalisation_is_the_author_s_iteration(rows: int, columns: int) -> None:
    matrices = torch.randn(4, rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    expected = torch.stack([newton_schulz(matrix) for matrix in matrices])
    torch.testing.assert_close(orthogonalised(matrices, torch.float64), expected, rtol=1e-9, atol=1e-10)
    rough = orthogonalised(matrices.float(), torch.bfloat16)
    assert rough.dtype == torch.float32
    assert (rough - expected).norm() / expected.norm() < 0.03


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_orthogonalised_singular_values_are_about_one_in_the_same_directions(
    rows: int, columns: int, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(7)
    rank = min(rows, columns)
    left = torch.linalg.qr(torch.randn(rows, rank, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(columns, rank, generator=generator))[0]
    singular = torch.linspace(0.05, 1, rank) * 1e-3  # of the norm, at least half a hundredth
    found = orthogonalised((left * singular @ right.T)[None], dtype)[0]
    ours = (left.T @ found @ right).diagonal()
    assert ours.min() > 0.6
    assert ours.max() < 1.3
    assert (left.T @ found @ right - torch.diag(ours)).abs().max() < 0.05


def test_muon_by_its_author_s_page_and_the_rest_by_sgd() -> None:
    spec = Muon(learning_rate=0.05, momentum=0.9, weight_decay=0.2, rest_learning_rate=0.03, rest_weight_decay=0.02)
    network, reference = small_network(), small_network(torch.float64)
    found = stepped(network, build_optimizer(spec, network))
    weights = [weight.detach() for weight in reference.parameters()]
    momenta = [torch.zeros_like(weight) for weight in weights]
    taken = [takes_muon(weight) for weight in weights]
    for gradients in gradients_of(network):
        for weight, momentum, gradient, convolution in zip(weights, momenta, gradients, taken, strict=True):
            if convolution:
                momentum.mul_(0.9).add_(0.1 * gradient)
                update = newton_schulz((0.1 * gradient + 0.9 * momentum).flatten(1)).view(weight.shape)
                scale = max(1, weight.shape[0] / weight[0].numel()) ** 0.5
                weight.mul_(1 - 0.05 * 0.2).sub_(0.05 * scale * update)
            else:
                penalised = gradient + 0.02 * weight
                momentum.mul_(0.9).add_(penalised)
                weight.sub_(0.03 * (penalised + 0.9 * momentum))
    for ours, expected, convolution in zip(found, weights, taken, strict=True):
        if convolution:
            assert (ours - expected).norm() / expected.norm() < (0.02 if BF16 else 1e-4)
        else:
            torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-5)


def test_muon_takes_convolutions_behind_the_stem() -> None:
    shapes: dict[tuple[int, ...], bool] = {
        (16, 3, 3, 3): False,  # a stem
        (16, 1, 3, 3): False,  # a stem of grey images
        (16, 16, 3, 3): True,
        (64, 16, 1, 1): True,
        (64, 4, 3, 3): True,  # grouped
        (10, 64): False,  # the classifier
        (64,): False,
    }
    for shape, expected in shapes.items():
        assert takes_muon(torch.zeros(shape)) is expected
    groups = build_optimizer(Muon(norm_weight_decay=0.0), small_network()).param_groups
    assert [group["orthogonal"] for group in groups] == [True, False, False]
    assert [[weight.ndim for weight in group["params"]] for group in groups] == [[4], [4, 2], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("spec", [Lion(learning_rate=0.01), Lamb(), Muon()], ids=lambda spec: str(spec.name))
def test_memory_format_makes_no_difference(spec: Any) -> None:
    plain, wide = small_network(), small_network().to(memory_format=torch.channels_last)
    optimizers = build_optimizer(spec, plain), build_optimizer(spec, wide)
    found = []
    for network, optimizer in zip((plain, wide), optimizers, strict=True):
        found.append(stepped(network, optimizer))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
    assert all(
        weight.is_contiguous(memory_format=torch.channels_last) for weight in wide.parameters() if weight.ndim == 4
    )
