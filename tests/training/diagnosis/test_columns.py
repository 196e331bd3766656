"""Files of other tools."""

from pathlib import Path

import pytest

from training.diagnosis.__main__ import main
from training.diagnosis.columns import as_rows
from training.diagnosis.files import from_csv

KERAS = "epoch,accuracy,loss,val_accuracy,val_loss\n" + "".join(
    f"{epoch},{0.6 + 0.01 * epoch},{1 / (1 + epoch)},0.7,{0.6 + 0.04 * epoch}\n" for epoch in range(20)
)


def test_the_log_of_keras_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(KERAS)
    assert main([str(tmp_path / "log.csv")]) == 0
    assert "overfitting" in capsys.readouterr().out
    run = from_csv(KERAS)
    assert (run.judged_on, len(run.train_loss), len(run.held_out_accuracy)) == ("validation", 20, 20)


def test_percentages_become_fractions() -> None:
    rows = as_rows([{"epoch": 0, "top1": "0.9", "Loss": 4.6}, {"epoch": 1, "top1": "76.1", "Loss": 1.2}])
    assert rows[1] == {"epoch": 1, "test_accuracy": pytest.approx(0.761), "train_loss": 1.2}
    assert rows[0]["test_accuracy"] == pytest.approx(0.009)
    with pytest.raises(ValueError, match="fraction from 0 to 1"):
        from_csv("epoch,val_acc\n0,150\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch,cost\n0,1.5\n", "None of its columns is known. .*train_loss.*val_loss"),
        ("epoch,loss,train_loss\n0,1.5,1.5\n", "loss and train_loss are both read as train_loss"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    text: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        from_csv(text)
    (tmp_path / "log.csv").write_text(text)
    assert main([str(tmp_path / "log.csv")]) == 2
    assert capsys.readouterr().out == ""
