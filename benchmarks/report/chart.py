"""The chart of the docs: small multiples of horizontal bars, as plain SVG that adapts to light and dark. Pure.

One colour is ours, all others are grey: the eye should find one thing. Bars start at zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.report import words
from benchmarks.results import Metric, Result
from benchmarks.targets import US

WIDTH = 860
MARGIN = 28
GUTTER = 48
LABEL = 104
VALUE = 76
BAR = 20
STEP = 30
HEAD = 46
GAP = 26

STYLE = """
  text { font: 13px -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1f2933; }
  .title { font-weight: 600; font-size: 15px; }
  .note { fill: #66737f; font-size: 12px; }
  .value { font-variant-numeric: tabular-nums; }
  .us { font-weight: 600; }
  .ground { fill: #ffffff; }
  .bar { fill: #aab4be; } .bar.light { fill: #ccd3d9; }
  .bar.us { fill: #0b7285; } .bar.us.light { fill: #59a9b8; }
  .axis { stroke: #c3cbd2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #9aa7b3; } .ground { fill: #0d1117; }
    .bar { fill: #5b6772; } .bar.light { fill: #3c454e; }
    .bar.us { fill: #3bc9db; } .bar.us.light { fill: #1f7f8d; }
    .axis { stroke: #39424b; }
  }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    note: str
    metric: Metric
    parts: tuple[Metric, Metric] | None = None
    """Two metrics that add up to it: the bar is drawn in two shades."""

    @property
    def height(self) -> int:
        return HEAD + STEP * len(self.metric.rounds)


def draw(results: Sequence[Result]) -> str:
    """The whole chart; a panel whose metric was not measured is left out."""
    panels = _panels({metric.key: metric for result in results for metric in result.metrics if metric.rounds})
    body: list[str] = []
    y = MARGIN
    wide = [panel for panel in panels if panel.parts]
    narrow = [panel for panel in panels if not panel.parts]
    for panel in wide:
        body += _panel(panel, MARGIN, y, WIDTH - 2 * MARGIN)
        y += panel.height + GAP
    half = (WIDTH - 2 * MARGIN - GUTTER) // 2
    for row in range(0, len(narrow), 2):
        pair = narrow[row : row + 2]
        for column, panel in enumerate(pair):
            body += _panel(panel, MARGIN + column * (half + GUTTER), y, half)
        y += max(panel.height for panel in pair) + GAP
    height = y - GAP + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" '
        'aria-label="Benchmarks: Steelyard, nginx, HAProxy and a relay that only copies bytes">'
    )
    ground = f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, *body, "</svg>"]) + "\n"


def _panels(metrics: dict[str, Metric]) -> list[Panel]:
    wanted = (
        (
            "cpu",
            "CPU time per request",
            "small keep-alive requests, everything on; less is better",
            ("cpu-user", "cpu-system"),
        ),
        ("throughput", "Throughput of one core", "requests per second; more is better", None),
        ("p99", "99th percentile of latency", "at half of nginx’s saturation; less is better", None),
        ("large", "CPU time per 1 MiB response", "less is better", None),
        ("idle", "Memory per idle connection", "10,000 of them; less is better", None),
    )
    found = []
    for key, title, note, parts in wanted:
        if key in metrics:
            both = (metrics[parts[0]], metrics[parts[1]]) if parts and parts[1] in metrics else None
            found.append(Panel(title, note, metrics[key], both))
    return found


def _panel(panel: Panel, x: int, y: int, width: int) -> Iterator[str]:
    yield f'<text class="title" x="{x}" y="{y + 14}">{escape(panel.title)}</text>'
    note = f"{panel.note}; left part: the program, right part: the kernel for it" if panel.parts else panel.note
    yield f'<text class="note" x="{x}" y="{y + 32}">{escape(note)}</text>'
    top, left, room = y + HEAD, x + LABEL, width - LABEL - VALUE
    values = {name: panel.metric.summary(name).value for name in panel.metric.rounds}
    scale = room / max(*values.values(), 1e-12)
    for row, (name, value) in enumerate(values.items()):
        yield from _bar(panel, name, value * scale, left, top + row * STEP)
    bottom = top + STEP * len(values) - (STEP - BAR)
    yield f'<line class="axis" x1="{left}" y1="{top - 4}" x2="{left}" y2="{bottom + 4}"/>'


def _bar(panel: Panel, name: str, length: float, x: int, y: int) -> Iterator[str]:
    """One contestant: its title, its bar in one or two shades, its value."""
    kind = "us" if name == US else "them"
    base = y + BAR - 5
    yield f'<text class="{kind}" x="{x - 10}" y="{base}" text-anchor="end">{escape(words.title(name))}</text>'
    dark = length * _share_of_first(panel, name)
    yield f'<rect class="bar {kind}" x="{x}" y="{y}" width="{dark:.1f}" height="{BAR}"/>'
    if dark < length:
        light = f'x="{x + dark:.1f}" y="{y}" width="{length - dark:.1f}" height="{BAR}"'
        yield f'<rect class="bar light {kind}" {light}/>'
    value = f"{words.number(panel.metric.summary(name).value)} {_unit(panel.metric.unit)}".rstrip()
    yield f'<text class="value {kind}" x="{x + length + 8:.1f}" y="{base}">{escape(value)}</text>'


def _share_of_first(panel: Panel, name: str) -> float:
    if panel.parts is None:
        return 1.0
    first, second = (part.summary(name).value for part in panel.parts)
    return first / (first + second) if first + second else 1.0


def _unit(unit: str) -> str:
    return {"bytes": "B", "requests/s": "/s"}.get(unit, unit)
