"""The same results in the terminal, as JSON, as Markdown and as a chart."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from rich.console import Console

from benchmarks.machine import Machine
from benchmarks.report import chart, document, terminal, words
from benchmarks.results import Metric, Result
from benchmarks.targets import judge

SVG = "{http://www.w3.org/2000/svg}"
ROUNDS = {"steelyard": [4.0, 4.2, 4.4], "relay": [4.0, 4.0, 4.0], "nginx": [5.0, 5.5, 6.0], "haproxy": [7.0, 7.0, 7.0]}


@pytest.fixture
def results() -> list[Result]:
    metrics = [
        Metric("cpu", "CPU per request", "µs", ROUNDS),
        Metric("cpu-user", "user", "µs", {name: [1.0] for name in ROUNDS}),
        Metric("cpu-system", "system", "µs", {name: [3.0] for name in ROUNDS}),
        Metric("idle", "memory per idle connection", "bytes", {"steelyard": [5000.0], "nginx": [600.0]}),
        Metric("change", "a change", "ms", {}),
    ]
    return [Result("requests", "Small requests", metrics, ["something <to> know"])]


@pytest.fixture
def run(results: list[Result]) -> document.Run:
    machine = Machine("a CPU", 2, 24, True, "Linux 6.1", "3.11.2", "cc 12")
    return document.Run("2026-01-02", machine, {"nginx": "nginx/1.22"}, 3, 2.0, 0.25, results, judge(results))


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.04, "4.04"), (0.0959, "0.0959"), (66554.2, "66,554"), (625.0, "625"), (12.345, "12.3"), (999.6, "1000")],
)
def test_numbers_have_the_figures_that_mean_something(value: float, text: str) -> None:
    assert words.number(value) == text


def test_json_holds_every_round_and_every_target(run: document.Run) -> None:
    found = json.loads(document.as_json(run))
    [result] = found["results"]
    assert result["metrics"][0]["rounds"] == ROUNDS
    by_pair = {(target["metric"], target["against"]): target for target in found["targets"]}
    assert by_pair["cpu", "relay"]["met"] is True
    assert by_pair["cpu", "nginx"]["ratio"]["value"] == pytest.approx(4.1 / 5.25, rel=1e-4)
    assert by_pair["idle", None]["met"] is False
    assert by_pair["p99", "nginx"]["met"] is None


def test_markdown_tells_machine_targets_and_numbers(run: document.Run) -> None:
    text = document.as_markdown(run)
    assert "a CPU, 2 cores of a virtual machine, 24 GiB, Linux 6.1, Python 3.11.2, cc 12. 3 interleaved rounds" in text
    assert "Before the run, other work took 25% of the cores." in text
    assert "| CPU per request | ≤ 0.85 × nginx | 0.78 (0.75 … 0.78) | met |" in text
    assert "| memory per idle connection | ≤ 4,096 bytes | 5,000 bytes | missed by 22% |" in text
    assert "| p99 | ≤ 1.00 × nginx | – | not measured |" in text
    assert "- something <to> know" in text


def test_the_terminal_shows_every_contestant_and_verdict(run: document.Run) -> None:
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show(console, run.results, run.verdicts)
    text = console.export_text()
    for expected in ("Steelyard", "relay (floor)", "HAProxy", "missed by 22%", "not measured", "0.78 (0.75 … 0.78)"):
        assert expected in text


def test_the_chart_is_well_formed_and_draws_each_contestant_in_proportion(results: list[Result]) -> None:
    root = ElementTree.fromstring(chart.draw(results))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"CPU time per request", "Memory per idle connection", "4.1 µs", "7 µs", "5,000 B"} <= set(texts)
    assert "Throughput of one core" not in texts
    widths = [
        float(element.get("width", "0")) for element in root.iter(f"{SVG}rect") if element.get("class") != "ground"
    ]
    ours, haproxy = sum(widths[0:2]), sum(widths[6:8])
    assert ours / haproxy == pytest.approx(4.1 / 7.0, rel=1e-2)
    assert widths[0] / ours == pytest.approx(0.25, rel=1e-2)


def test_nothing_reaches_over_the_edge_of_the_chart(results: list[Result]) -> None:
    root = ElementTree.fromstring(chart.draw(results))
    for element in root.iter(f"{SVG}rect"):
        assert float(element.get("x", "0")) + float(element.get("width", "0")) <= chart.WIDTH
    assert re.search(r"prefers-color-scheme: dark", chart.draw(results))
