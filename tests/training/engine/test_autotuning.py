import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.samples import digits, epochs_of, spec, weights_of
from tests.training.small_problem import images_and_labels, small_network
from training.engine.augmentation import Examples
from training.engine.autotuning import tuner as tuning
from training.engine.autotuning.tuner import PASSES, TUNING_SECONDS, StepTuner, candidates, memory_format
from training.engine.conflicts import SpecConflict
from training.engine.step import TrainingStep
from training.engine.team import ALONE
from training.engine.trainer import Trainer
from training.grace_periods import in_grace_period
from training.metrics import RunFacts, StepChoice

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EAGER = StepChoice(mode="eager", memory_format="channels_last", precision="fp32")
OTHER = StepChoice(mode="eager", memory_format="contiguous", precision="fp32")


def test_a_run_that_must_repeat_and_a_team_have_one_way_only() -> None:
    assert len(candidates(spec(), CPU)) > 1
    assert len(candidates(spec(deterministic=True), CPU)) == 1
    assert len(candidates(spec(devices=2), CPU)) == 1


def test_what_the_spec_insists_on_is_not_up_for_choice() -> None:
    assert {choice.mode for choice in candidates(spec(compile="off"), CPU)} == {"eager"}
    assert {choice.mode for choice in candidates(spec(compile="on"), CPU)} == {"compile"}
    assert {choice.precision for choice in candidates(spec(precision="bf16"), CPU)} == {"bf16"}
    assert {choice.mode for choice in candidates(spec(precision="bf16"), CUDA)} == {"graph", "eager", "compile"}


def pretend_times(monkeypatch: pytest.MonkeyPatch, seconds: dict[StepChoice, float | None]) -> list[StepChoice]:
    """Have each way take so long; the list grows with what is tried."""
    tried: list[StepChoice] = []

    def pretended(self: StepTuner, examples: Any, way: StepChoice, should_stop: Any) -> float | None:
        tried.append(way)
        return seconds[way]

    monkeypatch.setattr(StepTuner, "_seconds", pretended)
    return tried


def test_the_fastest_way_is_taken_and_the_job_s_facts_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried = pretend_times(monkeypatch, {EAGER: 0.02, OTHER: 0.01})
    asked = spec(batch_size=16, compile="off", epochs=40)
    run = Trainer(asked, digits(160), cache_dir=tmp_path)
    assert run.facts.step == EAGER
    facts = next(measured for measured in run.epochs() if isinstance(measured, RunFacts))
    assert facts.step == OTHER
    assert {timing.choice: round(timing.images_per_second) for timing in facts.probed} == {EAGER: 800, OTHER: 1600}
    assert tried == [EAGER, OTHER]

    later = Trainer(asked, digits(160), cache_dir=tmp_path)
    assert later.facts.step == OTHER, "what was measured is remembered"
    assert RunFacts not in [type(measured) for measured in later.epochs(lambda: later.progress.step > 3)]
    assert len(tried) == 2


def test_a_way_that_this_machine_cannot_go_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_times(monkeypatch, {EAGER: 0.02, OTHER: None})
    run = Trainer(spec(batch_size=16, compile="off", epochs=40), digits(160))
    facts = next(measured for measured in run.epochs() if isinstance(measured, RunFacts))
    assert {timing.choice: round(timing.images_per_second) for timing in facts.probed} == {EAGER: 800, OTHER: 0}
    assert facts.step == EAGER


def test_a_run_begins_in_a_way_that_this_machine_can_go(monkeypatch: pytest.MonkeyPatch) -> None:
    use = TrainingStep.use

    def uses_no_layout_but_one(self: TrainingStep, choice: StepChoice, shape: torch.Size) -> None:
        if choice == EAGER:
            raise RuntimeError("operation not permitted when stream is capturing")
        use(self, choice, shape)

    monkeypatch.setattr(TrainingStep, "use", uses_no_layout_but_one)
    run = Trainer(spec(epochs=1, compile="off"), digits(64))
    assert run.facts.step == OTHER
    assert len(epochs_of(run)) == 1


def test_a_short_run_tries_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = pretend_times(monkeypatch, {})
    run = Trainer(spec(epochs=2), digits(256))
    assert [measured for measured in run.epochs() if isinstance(measured, RunFacts)] == []
    assert tried == []


def test_trying_leaves_the_network_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "LARGEST_SHARE", 1.0)
    asked = {"batch_size": 32, "compile": "off", "precision": "fp32", "optimizer": "adam", "epochs": 2}
    monkeypatch.setattr(StepTuner, "_fastest", lambda self, choices: choices[0])  # whatever it measures
    probed = Trainer(spec(**asked), digits(160))
    assert [type(measured) for measured in list(probed.epochs())].count(RunFacts) == 1
    assert len(probed.facts.probed) == 2
    monkeypatch.setattr(tuning, "LARGEST_SHARE", 0.0)
    plain = Trainer(spec(**asked), digits(160))
    epochs_of(plain)
    assert weights_of(probed).equal(weights_of(plain))


def test_a_long_run_tries_what_a_short_one_did_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = [way.model_copy(update={"mode": "compile"}) for way in (EAGER, OTHER)]
    tried = pretend_times(monkeypatch, {EAGER: 0.02, OTHER: 0.01, compiled[0]: 0.004, compiled[1]: 0.005})
    short = Trainer(spec(batch_size=16, epochs=40), digits(160), cache_dir=tmp_path)
    short.step.seconds = 0.02
    assert short.tuner.tune(next(short.batches.epoch(0)), 400)
    assert tried == [EAGER, OTHER]
    long = Trainer(spec(batch_size=16, epochs=40), digits(160), cache_dir=tmp_path)
    long.step.seconds = 0.02
    assert long.tuner.tune(next(long.batches.epoch(0)), 10**6)
    assert tried == [EAGER, OTHER, *compiled]
    assert long.facts.step == compiled[0]
    assert not long.tuner.tune(next(long.batches.epoch(0)), 10**6), "there is nothing new to find"


def test_a_graph_is_for_whole_batches() -> None:
    assert "graph" in {choice.mode for choice in candidates(spec(precision="bf16"), CUDA)}
    assert "graph" not in {choice.mode for choice in candidates(spec(precision="bf16"), CUDA, whole_batches=False)}
    assert Trainer(spec(batch_size=32), digits(64)).batches.whole
    assert not Trainer(spec(batch_size=32, micro_batch_size=16), digits(64)).batches.whole


def test_a_checkpoint_of_another_machine_goes_on_in_a_way_of_this_one() -> None:
    run = Trainer(spec(), digits(64))
    state = run.state_dict()
    state["choice"] = StepChoice(mode="graph", precision="fp16").model_dump()
    run.load_state_dict(state)
    assert run.facts.step == EAGER
    state["choice"] = OTHER.model_dump()
    run.load_state_dict(state)
    assert run.facts.step == OTHER


@pytest.mark.parametrize("content", ["", "{}", '[{"choice": 1}]'])
def test_a_damaged_cache_is_measured_anew(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend_times(monkeypatch, {EAGER: 0.02, OTHER: 0.01})
    asked = spec(batch_size=16, compile="off", epochs=40)
    for _ in range(2):
        run = Trainer(asked, digits(160), cache_dir=tmp_path)
        facts = next(measured for measured in run.epochs() if isinstance(measured, RunFacts))
        assert facts.step == OTHER
        (file,) = (tmp_path / "steps").glob("*.json")
        file.write_text(content)


@pytest.mark.timeout(0)  # how long a compiler takes on a busy machine says nothing about the step
def test_a_compiled_step_computes_what_an_eager_one_computes() -> None:
    run = Trainer(spec(), digits(64))
    images, labels = images_and_labels()
    found = {}
    for mode in ("eager", "compile"):
        network = small_network()
        step = TrainingStep(network, torch.optim.SGD(network.parameters(), 0.1), run.plan, run.spec, CPU, ALONE)
        step.use(StepChoice(mode=mode), images.shape)
        totals = [step.forward_backward(Examples(images, labels), 1.0)]
        totals.append(step.forward_backward(Examples(images[:4], labels[:4]), 1.0))  # which is not compiled for
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        assert not in_grace_period()
        found[mode] = [*totals, *gradients]
    for ours, theirs in zip(found["compile"], found["eager"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_spec_that_insists_is_compiled_for_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """And while it waits for the compiler, nobody takes it for a hang."""
    seen: list[tuple[int, bool]] = []

    def compiler(network: nn.Module, **named: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        def compiled(images: torch.Tensor) -> torch.Tensor:
            seen.append((len(images), in_grace_period()))
            result: torch.Tensor = network(images)
            return result

        return compiled

    monkeypatch.setattr(torch, "compile", compiler)
    run = Trainer(spec(compile="on", batch_size=48, epochs=1), digits(112))  # none for the last batch, of 16
    assert run.facts.step.mode == "compile"
    assert seen == [(48, True)]
    epochs_of(run)
    assert seen[1:] == [(48, False), (48, False)]


def test_where_nothing_can_be_compiled_a_spec_that_insists_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_compiler(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("No working C++ compiler found\nand more")

    monkeypatch.setattr(torch, "compile", lambda network, **named: without_compiler)
    with pytest.raises(SpecConflict, match=r"No working C\+\+ compiler found\): take auto or off") as refused:
        Trainer(spec(compile="on"), digits(64))
    assert refused.value.path == ("compile",)


@pytest.mark.parametrize(
    ("batch", "step_seconds", "steps", "tried_on"),
    [
        (48, 0.001, 10_000, 48),  # whole batches, where that is soon over
        (48, 3.0, 10_000, 40),  # LOOKING_SECONDS bound it: of 8 passes, each 2.5 seconds
        (48, 30.0, 10**9, None),  # what they leave of the batch would say too little
        (48, 0.001, 400, 48),
        (48, 0.001, 300, 36),
        (48, 0.001, 100, None),  # more than the share of the run
    ],
)
def test_looking_takes_seconds_and_a_share_of_the_run_at_most(
    batch: int, step_seconds: float, steps: int, tried_on: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_times(monkeypatch, {EAGER: 0.02, OTHER: 0.01})
    run = Trainer(spec(batch_size=batch, compile="off"), digits(96))
    run.step.seconds = step_seconds
    assert run.tuner.tune(next(run.batches.epoch(0)), steps) == (tried_on is not None)
    assert {timing.images for timing in run.tuner.timings} == ({tried_on} if tried_on else set())


def test_what_is_slow_beyond_expectation_leaves_no_time_to_what_comes_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    passes: list[int] = []

    def endless(self: StepTuner, examples: Examples) -> float:
        nonlocal now
        now += TUNING_SECONDS
        passes.append(len(examples.labels))
        return TUNING_SECONDS

    monkeypatch.setattr(StepTuner, "_pass_seconds", endless)
    run = Trainer(spec(batch_size=48, compile="off"), digits(96))
    run.step.seconds = 0.001
    run.tuner.tune(next(run.batches.epoch(0)), 10**6)
    assert passes == [48, 48]
    assert [timing.choice for timing in run.tuner.timings] == [EAGER]


def test_looking_leaves_off_between_two_passes_when_the_run_is_told_to_stop() -> None:
    run = Trainer(spec(batch_size=32, compile="off"), digits(96))
    run.step.seconds = 0.001
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > PASSES  # in front of the first way, and of each pass but the first: in the second way

    before = weights_of(run)
    run.tuner.tune(next(run.batches.epoch(0)), 10**6, should_stop)
    assert asked <= PASSES + 2
    assert [timing.choice for timing in run.tuner.timings] == [EAGER]
    assert weights_of(run).equal(before)
    assert all(weight.grad is None for weight in run.network.parameters())


def test_looking_is_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, spent = time.perf_counter, 0.0

    def looks_for_ages(*arguments: Any) -> bool:
        nonlocal spent
        spent += 10_000.0
        return False

    monkeypatch.setattr(time, "perf_counter", lambda: measured() + spent)
    monkeypatch.setattr(StepTuner, "tune", looks_for_ages)
    [metrics] = epochs_of(Trainer(spec(epochs=1, batch_size=16), digits(64)))
    assert spent == 10_000.0
    assert metrics.seconds < 5_000
    assert metrics.images_per_second > 64 / 5_000


@pytest.mark.parametrize(
    ("capabilities", "limit", "layout"),
    [
        (("avx512_bf16", "amx_bf16"), "", "channels_last"),
        (("avx512_bf16", "amx_bf16"), "AVX512_CORE_BF16", "contiguous"),
        (("avx512_bf16",), "", "contiguous"),
        ((), "", "channels_last"),
    ],
)
def test_the_format_of_a_run_that_never_looks_follows_the_processor(
    capabilities: tuple[str, ...], limit: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(capabilities, True))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert memory_format("bf16", CPU) == layout
    assert memory_format("fp32", CPU) == "channels_last"
    assert memory_format("bf16", CUDA) == "channels_last"
    for fields in ({"deterministic": True}, {"devices": 2}, {}):
        assert candidates(spec(precision="bf16", **fields), CPU)[0].memory_format == layout
