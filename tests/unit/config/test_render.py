import json
import re

import pytest

from steelyard.config.load import inspect_text
from steelyard.config.render import WIDTH, as_json, render
from steelyard.errors import Problem

TEXT = """\
[admin]
listen = "0.0.0.0:9900"
token = "hunter2"
[pools.web]
servers = [{ address = "10.0.0.1:80", wieght = 2 }]
"""


def problems() -> tuple[Problem, ...]:
    return inspect_text(TEXT, "web.toml")[1]


def test_without_color() -> None:
    assert render(problems(), color=False) == (
        "warning: services\n"
        "  ┌─ web.toml\n"
        "  └─ nothing is served: there is no service\n"
        "     add [services.NAME] with mode, listen and pool\n"
        "\n"
        "error: admin.token\n"
        "  ┌─ web.toml:3:9\n"
        '3 │ token = "…"\n'
        "  │         ^^^\n"
        '  └─ expected { env = "NAME" } or { file = "/path" }, found a text\n'
        "     a secret is not written here: keep it in the environment or in a file\n"
        "\n"
        "warning: pools.web\n"
        "  ┌─ web.toml:4:8\n"
        "4 │ [pools.web]\n"
        "  │        ^^^\n"
        "  └─ no service uses this pool\n"
        '     give it to a service with pool = "web", or take it out\n'
        "\n"
        "error: pools.web.servers[0].wieght\n"
        "  ┌─ web.toml:5:39\n"
        '5 │ servers = [{ address = "10.0.0.1:80", wieght = 2 }]\n'
        "  │                                       ^^^^^^\n"
        "  └─ unknown key: expected id, weight, backup or max_connections, found wieght\n"
        "     did you mean weight?\n"
        "\n"
        "2 errors and 2 warnings"
    )


def test_color_adds_nothing_but_color() -> None:
    colored = render(problems(), color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(problems(), color=False)


def test_nothing_wrong_is_nothing_said() -> None:
    assert render((), color=True) == ""


def test_a_file_that_cannot_be_read_has_no_line() -> None:
    problem = Problem("web.toml", 0, "", "cannot be read: Permission denied")
    assert render([problem]) == "error: web.toml\n  ── cannot be read: Permission denied\n\n1 error"


@pytest.mark.parametrize("before", [0, 10, 90, 200, 1000])
@pytest.mark.parametrize("after", [0, 10, 200, 1000])
def test_a_long_line_is_cut_around_its_mark(before: int, after: int) -> None:
    source = "a" * before + "WRONG" + "z" * after
    problem = Problem("f", 1, "k", "m", column=before + 1, length=5, source=source)
    _, _, line, mark, *_ = render([problem]).split("\n")
    assert len(line) <= WIDTH + 4
    start = mark.index("^")
    assert mark[start:] == "^^^^^"
    if source != "WRONG" and 0 < before < 1000 and after:
        assert line[start : start + 5] == "WRONG"


def test_for_programs() -> None:
    objects = json.loads(json.dumps(as_json(problems())))
    assert objects[3] == {
        "file": "web.toml",
        "line": 5,
        "key": "pools.web.servers[0].wieght",
        "message": "unknown key: expected id, weight, backup or max_connections, found wieght",
        "cure": "did you mean weight?",
        "severity": "error",
        "column": 39,
        "length": 6,
        "source": 'servers = [{ address = "10.0.0.1:80", wieght = 2 }]',
    }
    assert "hunter2" not in json.dumps(objects)


def test_the_mark_is_right_on_a_line_that_was_cured() -> None:
    text = '[pools.web]\nservers = [\n  { address = "a:1" }\n  { address = b:1, weight = 0 }\n  "c:1" ]\n'
    errors = [problem for problem in inspect_text(text)[1] if problem.severity == "error"]
    marked = [problem.source[problem.column - 1 :][: problem.length] for problem in errors]
    assert [problem.line for problem in errors] == [4, 4, 4, 5, 5]
    assert marked == ["{", "b:1", "0", '"', "c:1"]
