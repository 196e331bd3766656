from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.samples import digits, epochs_of, spec, weights_of
from training import probe as probing
from training.conflicts import SpecConflict
from training.metrics import EpochMetrics, RunFacts, StepChoice
from training.probe import Probe, ways
from training.step import TrainingStep
from training.trainer import Trainer

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EAGER = StepChoice(mode="eager", memory_format="channels_last", precision="fp32")
OTHER = StepChoice(mode="eager", memory_format="contiguous", precision="fp32")


def test_a_run_that_must_repeat_and_a_team_have_one_way_only() -> None:
    assert len(ways(spec(), CPU)) > 1
    assert len(ways(spec(deterministic=True), CPU)) == 1
    assert len(ways(spec(devices=2), CPU)) == 1


def test_what_the_spec_insists_on_is_not_up_for_choice() -> None:
    assert {way.mode for way in ways(spec(compile="off"), CPU)} == {"eager"}
    assert {way.mode for way in ways(spec(compile="on"), CPU)} == {"compile"}
    assert {way.precision for way in ways(spec(precision="bf16"), CPU)} == {"bf16"}
    assert {way.mode for way in ways(spec(precision="bf16"), CUDA)} == {"graph", "eager", "compile"}


def pretend_times(monkeypatch: pytest.MonkeyPatch, seconds: dict[StepChoice, float | None]) -> list[StepChoice]:
    """Have each way take so long; the list grows with what is tried."""
    tried: list[StepChoice] = []

    def pretended(self: Probe, examples: Any, way: StepChoice) -> float | None:
        tried.append(way)
        return seconds[way]

    monkeypatch.setattr(Probe, "_seconds", pretended)
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
    monkeypatch.setattr(probing, "LARGEST_SHARE", 1.0)
    asked = {"batch_size": 32, "compile": "off", "precision": "fp32", "optimizer": "adam", "epochs": 2}
    monkeypatch.setattr(Probe, "_fastest", lambda self, ways: ways[0])  # whatever it measures
    probed = Trainer(spec(**asked), digits(160))
    assert [type(measured) for measured in list(probed.epochs())].count(RunFacts) == 1
    assert len(probed.facts.probed) == 2
    monkeypatch.setattr(probing, "LARGEST_SHARE", 0.0)
    plain = Trainer(spec(**asked), digits(160))
    epochs_of(plain)
    assert weights_of(probed).equal(weights_of(plain))


def test_a_long_run_tries_what_a_short_one_did_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = [way.model_copy(update={"mode": "compile"}) for way in (EAGER, OTHER)]
    tried = pretend_times(monkeypatch, {EAGER: 0.02, OTHER: 0.01, compiled[0]: 0.004, compiled[1]: 0.005})
    short = Trainer(spec(batch_size=16, epochs=40), digits(160), cache_dir=tmp_path)
    assert short.probe.improve(next(short.batches.epoch(0)), 400)
    assert tried == [EAGER, OTHER]
    long = Trainer(spec(batch_size=16, epochs=40), digits(160), cache_dir=tmp_path)
    assert long.probe.improve(next(long.batches.epoch(0)), 10**6)
    assert tried == [EAGER, OTHER, *compiled]
    assert long.facts.step == compiled[0]
    assert not long.probe.improve(next(long.batches.epoch(0)), 10**6), "there is nothing new to find"


def test_a_graph_is_for_whole_batches() -> None:
    assert "graph" in {way.mode for way in ways(spec(precision="bf16"), CUDA)}
    assert "graph" not in {way.mode for way in ways(spec(precision="bf16"), CUDA, whole_batches=False)}
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


def test_a_compiled_run_loses_what_an_eager_one_loses() -> None:
    asked = {"epochs": 1, "batch_size": 48, "optimizer": {"name": "sgd", "learning_rate": 0.02}}
    compiled = Trainer(spec(**asked, compile="on"), digits(112))  # the last batch, of 16, is not compiled for
    eager = Trainer(spec(**asked, compile="off"), digits(112))
    assert compiled.facts.step.mode == "compile"
    for ours, theirs in zip(compiled.epochs(), eager.epochs(), strict=True):
        name = "train_loss" if isinstance(ours, EpochMetrics) else "loss"
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-3)


def test_where_nothing_can_be_compiled_a_spec_that_insists_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_compiler(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("No working C++ compiler found\nand more")

    monkeypatch.setattr(torch, "compile", lambda network, **named: without_compiler)
    with pytest.raises(SpecConflict, match=r"No working C\+\+ compiler found\): take auto or off") as refused:
        Trainer(spec(compile="on"), digits(64))
    assert refused.value.path == ("compile",)
