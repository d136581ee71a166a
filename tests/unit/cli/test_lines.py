"""One-line texts: events, the start block, what ``explain`` says."""

from __future__ import annotations

import json
import re

from steelyard.cli.explain import sentences
from steelyard.cli.lines import event_line
from steelyard.cli.start import start_block, start_json
from steelyard.status import Candidate, Event, Explanation
from tests.unit.admin.fake import make_status, server_status


def test_an_event_is_one_line() -> None:
    event = Event(at=0.0, kind="server-down", pool="web", server="b", message="connection\trefused\x1b[0m")
    assert re.fullmatch(r"\d\d:\d\d:\d\d server-down       web/b: connection refused \[0m", event_line(event))
    assert event_line(Event(at=0.0, kind="reloaded"))[9:] == "reloaded"
    faults = Event(at=0.0, kind="reload-failed", message="x.toml:1: one\nx.toml:2: two")
    assert event_line(faults)[9:] == "reload-failed     x.toml:1: one\n" + 27 * " " + "x.toml:2: two"
    assert event_line(event, colored=True)[9:].startswith("\x1b[31mserver-down      \x1b[0m web/b")


def test_what_it_is_about_stands_in_one_column_for_every_kind() -> None:
    kinds = re.findall(r"``([a-z]+(?:-[a-z]+)*)``", Event.model_fields["kind"].description or "")
    assert "algorithm-changed" in kinds
    lines = [event_line(Event(at=0.0, kind=kind, pool="POOL")) for kind in kinds]
    assert {line.index("POOL") for line in lines} == {27}


def test_the_start_block_names_what_a_stranger_needs() -> None:
    status = make_status((server_status("a"), server_status("b", health="down")), file="/etc/x.toml")
    assert start_block(status, "127.0.0.1:9900").splitlines() == [
        "steelyard 0.1.0  /etc/x.toml",
        "  service  www  http://127.0.0.1:8080 -> web",
        "  pool     web  round-robin: a up, b down",
        "  admin    http://127.0.0.1:9900",
    ]
    assert start_block(make_status(()), None).splitlines()[-2:] == [
        "  pool     web  round-robin: no servers yet",
        "  admin    off",
    ]
    many = make_status(tuple(server_status(f"s{number}") for number in range(10_000)))
    assert "10,000 servers, 10,000 up" in start_block(many, None)


def test_the_start_as_json() -> None:
    assert json.loads(start_json(make_status(()), "127.0.0.1:1")) == {
        "kind": "started",
        "version": "0.1.0",
        "services": {"www": "127.0.0.1:8080"},
        "admin": "127.0.0.1:1",
    }


def test_an_explanation_puts_the_chosen_first() -> None:
    candidates = (
        Candidate(id="first", eligible=False, why="down: refused"),
        *(Candidate(id=f"s{number}", eligible=True, why="up") for number in range(50)),
    )
    explanation = Explanation(
        pool="web", algorithm="maglev", client="::1", server="s7", reason="its table entry", candidates=candidates
    )
    lines = sentences(explanation).splitlines()
    assert lines[:4] == [
        "::1 would get s7 of pool web (maglev)",
        "because its table entry",
        "",
        "> s7     eligible      up",
    ]
    assert lines[4] == "  first  not eligible  down: refused"
    assert lines[-1] == "  … and 11 more (--json shows all)"


def test_nobody_eligible() -> None:
    explanation = Explanation(
        pool="web", algorithm="random", client="::1", server=None, reason="no server is eligible", candidates=()
    )
    assert sentences(explanation).startswith("::1 would get no server of pool web")
