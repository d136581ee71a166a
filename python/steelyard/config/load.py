"""From a file to a ``Config``: read, parse, validate, check, and give every fault its place.

The only module of the configuration that reads files and the environment (besides ``secret``, through which it does).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path as FilePath

from steelyard.config.check import check
from steelyard.config.examine import examine
from steelyard.config.excerpt import excerpt
from steelyard.config.finding import Finding
from steelyard.config.locate import Span, format_path, locate
from steelyard.config.model import Config
from steelyard.config.secret import Secret
from steelyard.config.syntax import Slip, parse
from steelyard.config.words import did_you_mean, nearest
from steelyard.errors import ConfigError, Problem

NOWHERE = Span(0, 0, 0)


def load(path: str | os.PathLike[str]) -> Config:
    """The configuration in a file. ``ConfigError`` holds all its errors; warnings are for ``inspect`` to tell."""
    config, problems = inspect(path)
    return _usable(config, problems)


def loads(text: str, name: str = "<text>") -> Config:
    """The configuration in a text; ``name`` stands for the file in messages."""
    config, problems = inspect_text(text, name)
    return _usable(config, problems)


def inspect(path: str | os.PathLike[str]) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration, or None when it has errors, and all its problems, warnings too, in the order of the lines."""
    name = os.fspath(path)
    try:
        data = FilePath(path).read_bytes()
    except OSError as error:
        return None, (Problem(name, 0, "", f"cannot be read: {error.strerror}", _other_file(FilePath(path))),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"expected UTF-8, found the byte 0x{data[error.start]:02x}"
        return None, (Problem(name, line, "", message, "save the file as UTF-8"),)
    return inspect_text(text, name)


def inspect_text(text: str, name: str = "<text>") -> tuple[Config | None, tuple[Problem, ...]]:
    """The same for a text."""
    text = text.replace("\r\n", "\n")
    parsed = parse(text)
    lines = text.split("\n")
    problems = [_problem_of_slip(slip, name, lines) for slip in parsed.slips]
    if parsed.values is None:
        return None, _ordered(problems)
    examined = examine(parsed.values, parsed.doubtful)
    reported = {slip.path for slip in parsed.slips if slip.path}
    findings = [
        finding
        for finding in (*examined.findings, *check(examined.config, examined.doubt), *_secrets(examined.config))
        if finding.path not in reported
    ]
    if findings:
        places, read = locate(parsed.text), parsed.text.split("\n")
        for finding in findings:
            span = (places.key if finding.spot == "key" else places.value)(finding.path) or NOWHERE
            shown = _in_file(span, read[span.line - 1], lines[span.line - 1])
            problems.append(_problem(finding, name, shown, lines))
    ordered = _ordered(problems)
    return None if _errors(ordered) else examined.config, ordered


def verify(config: Config, name: str = "<configuration>") -> Config:
    """A configuration that was built in Python: ``ConfigError`` when its parts cannot stand together."""
    findings = (*check(config), *_secrets(config))
    return _usable(config, tuple(_problem(finding, name, NOWHERE, ()) for finding in findings))


def _usable(config: Config | None, problems: tuple[Problem, ...]) -> Config:
    if config is None or _errors(problems):
        raise ConfigError(_errors(problems))
    return config


def _errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.severity == "error")


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def _in_file(span: Span, read: str, line: str) -> Span:
    """Where a span of a line as it was read is in the file's own line, of which the read one may be a cured version."""
    if read == line:
        return span
    piece = read[span.column - 1 :][: span.length].strip("\"'")
    near = min(span.column - 1, len(line))
    found = max(line.rfind(piece, 0, near + len(piece)), line.find(piece, near)) if piece else -1
    return Span(span.line, found + 1, len(piece)) if found >= 0 else Span(span.line, 1, len(line))


def _problem(finding: Finding, name: str, span: Span, lines: Sequence[str]) -> Problem:
    shown = excerpt(lines, span)
    return Problem(
        file=name,
        line=span.line,
        key=format_path(finding.path),
        message=finding.message,
        cure=finding.cure,
        severity=finding.severity,
        column=shown.column,
        length=shown.length,
        source=shown.line,
    )


def _problem_of_slip(slip: Slip, name: str, lines: Sequence[str]) -> Problem:
    span = _in_file(Span(slip.line, slip.column, slip.length), slip.read, lines[slip.line - 1])
    return _problem(Finding(slip.path, slip.message, slip.cure), name, span, lines)


def _secrets(config: Config) -> Iterator[Finding]:
    """Secrets that are not where they should be, found now rather than when the first client comes."""
    named: list[tuple[tuple[str, ...], Secret | None]] = [(("admin", "token"), config.admin.token)]
    named += [
        (("pools", name, "affinity", "key"), pool.affinity.key)
        for name, pool in config.pools.items()
        if pool.affinity is not None
    ]
    for path, secret in named:
        if secret is None:
            continue
        word = "env" if secret.env else "file"
        try:
            if not secret.reveal():
                cure = "put the secret there"
                yield Finding((*path, word), f"expected a secret in the {secret.source}, found it empty", cure)
        except LookupError:
            cure = "set it before you start, or name a file"
            yield Finding((*path, word), f"expected a secret in the {secret.source}, found it not set", cure)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no valid path"
            cure = "make it readable for this process"
            yield Finding((*path, word), f"expected a secret in the {secret.source}, found: {reason}", cure)


def _other_file(path: FilePath) -> str:
    """The one configuration beside it, when the name is wrong."""
    try:
        others = sorted(path.parent.glob("*.toml"))[:20]
    except OSError:
        return ""
    near = nearest(path.name, [each.name for each in others if each != path])
    return did_you_mean(str(path.parent / near) if near else None)
