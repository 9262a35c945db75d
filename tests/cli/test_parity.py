"""`cluster4npu parity`: the card as JSON and as text, and its exit codes."""

from __future__ import annotations

from pathlib import Path

from cluster4npu.cli.commands.parity import report
from cluster4npu.core.bench.card import DeviceCard, ParityCard
from cluster4npu.core.bench.parity import Parity


def test_the_card_as_json(cli) -> None:
    done = cli("parity", "example", "--frames", 6, "--devices", "onnx:cpu,onnx:cpu?threads=1", "--json")
    assert done.code == 0, done.err
    card = done.json
    assert (card["reference"], card["frames"], card["same"]) == ("onnx:cpu", 6, True)
    first, second = card["devices"]
    assert first["checks"] == [] and second["checks"][0]["score"] == 1.0
    assert first["unit"] == "cpu" and first["map50"] > 0.9


def test_simulated_devices_have_nothing_to_compare(cli, quick: Path) -> None:
    done = cli("parity", quick)
    assert done.code == 2 and "nothing to compare" in done.err


def test_a_device_that_differs_is_named() -> None:
    plain = DeviceCard("onnx:cpu", "as the model", "cpu", False, 8.1, 0.99)
    other = DeviceCard(
        "onnx:cuda:0", "fp16", "cpu", True, 4.2, None, (Parity("onnx:cuda:0", "boxes", 0.5, 0.95, 90),)
    )
    lines = "\n".join(report(ParityCard("onnx:cpu", 32, (plain, other))))
    assert "OUTPUTS DIFFER" in lines and "boxes 50.0% (needs 95%)" in lines
    assert "cpu FELL BACK" in lines and "0.9900" in lines


def test_one_device_with_answers_is_not_called_the_same(cli) -> None:
    done = cli("parity", "example", "--frames", 3, "--devices", "onnx:cpu,sim:ane")
    assert done.code == 2
    assert (
        "NOTHING COMPARED, only onnx:cpu has answers" in done.out and "without sim:ane: SIMULATED" in done.out
    )
