"""The slips of the pen that people make in TOML: for each, a sentence, a cure, and where possible the repaired text.

``syntax`` walks over a text with them. A rule gets the text and where ``tomllib`` stopped; the first of ``_RULES`` that
has an answer is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from steelyard.config.excerpt import names_secret
from steelyard.config.finding import SHOWN_MAX, show
from steelyard.config.locate import Path, format_path, locate
from steelyard.config.secret import CURE as SECRET_CURE
from steelyard.config.secret import EXPECTED as SECRET
from steelyard.config.words import did_you_mean

SECOND = "-second-"
"""How keys begin that were renamed because they were given twice."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Replace ``text[start:end]``; it never holds a line end."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    message: str
    cure: str = ""
    start: int | None = None
    length: int = 1
    repair: Repair | None = None
    path: Path = ()


def judge(error: str, text: str, at: int, attempt: int) -> Verdict:
    """What to say of the fault that ``tomllib`` reports in the words ``error`` at the offset ``at``."""
    for pattern, rule in _RULES:
        if re.match(pattern, error) and (verdict := rule(text, at, attempt)) is not None:
            return verdict
    message = re.sub(r" \(at .*\)$", "", error)
    return Verdict(f"not valid TOML: {message[:1].lower()}{message[1:]}")


_WORD = re.compile(r"[^\s,\[\]{}#=\"']+")
_TRUTH = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false"}


def _unquoted(text: str, at: int, attempt: int) -> Verdict | None:
    """``mode = proxy``, ``interval = 2s``, ``address = 10.0.0.1:80``, ``backup = yes``, ``path = /healthz``."""
    line_start = text.rfind("\n", 0, at) + 1
    start = at
    while start > line_start and _WORD.fullmatch(text[start - 1]):
        start -= 1
    found = _WORD.match(text, start)
    before = text[line_start:start].rstrip()
    if found is None or found.end() <= at or not before.endswith(("=", "[", ",")) or before.lstrip() == "[":
        return None
    word = found[0]
    if word.lower() in ("null", "none", "nil"):
        return Verdict(
            f"expected a value, found {word}", "leave the key out", start, len(word), _comment_line(text, at)
        )
    if (key := re.search(r"([\w-]+)[\"']?\s*=$", before)) is not None and names_secret(key[1]):
        repair = Repair(start, found.end(), '""')
        return Verdict(f"expected {SECRET}, found a text without quotes", SECRET_CURE, start, len(word), repair)
    meant = _TRUTH.get(word.lower(), f'"{word}"' if "\\" not in word else f"'{word}'")
    expected = "true or false" if word.lower() in _TRUTH else "a value (text stands in quotes)"
    repair = Repair(start, found.end(), meant)
    return Verdict(f"expected {expected}, found {word}", did_you_mean(meant), start, len(word), repair)


def _colon(text: str, at: int, attempt: int) -> Verdict | None:
    """``mode: "proxy"``, as in YAML."""
    if text[at : at + 1] != ":":
        return None
    repair = Repair(at, at + 1, " =")
    return Verdict('expected "=" after a key, found ":"', did_you_mean('"="'), repair=repair)


def _no_equals(text: str, at: int, attempt: int) -> Verdict:
    return Verdict(
        'expected "=" after a key, found ' + _next(text, at), "write it as KEY = VALUE", repair=_comment_line(text, at)
    )


def _open_array(text: str, at: int, attempt: int) -> Verdict | None:
    """A header where the next element of an array should be."""
    start = text.rfind("\n", 0, at) + 1
    header = re.match(r"\[\[?[\w.\"-]+\]\]?", text[start:])
    if header is None:
        return None
    return Verdict(f'expected "]" to close the array, found {header[0]}', 'close it with "]"', start, len(header[0]))


def _no_value(text: str, at: int, attempt: int) -> Verdict | None:
    if text[at : at + 1] not in ("", "\n", "#", ",", "}", "]"):
        return None
    repair = _comment_line(text, at)
    return Verdict("expected a value, found " + _next(text, at), "give it one, or leave the key out", repair=repair)


def _twice(text: str, at: int, attempt: int) -> Verdict | None:
    """The second of two keys is renamed, so that the rest can be read, and dropped afterwards."""
    end = text.find("\n", at)
    doubles = locate(text[: at if end < 0 else end]).twice
    if not doubles:
        return None
    path, start, stop = doubles[-1]
    places = locate(text[:start])
    first = places.key(path)
    where = f" on line {first.line}" if first is not None else ""
    return Verdict(
        f"expected each key once, found {format_path(path)} again",
        f"it is already given{where}: keep one of the two",
        start,
        stop - start,
        Repair(start, stop, second(attempt)),
        path,
    )


def _comma_in_array(text: str, at: int, attempt: int) -> Verdict:
    return _comma(text, at, "]", "the array")


def _comma_in_table(text: str, at: int, attempt: int) -> Verdict:
    if text[at : at + 1] == "\n":
        cure = "an inline table stands on one line (TOML 1.0): join the lines, or give it a [header] of its own"
        return Verdict('expected "," or "}" to go on with or close the inline table, found the end of the line', cure)
    return _comma(text, at, "}", "the inline table")


def _comma(text: str, at: int, end: str, what: str) -> Verdict:
    found = _next(text, at)
    message = f'expected "," or "{end}" to go on with or close {what}, found {found}'
    if at >= len(text):
        return Verdict(message, f'close it with "{end}"')
    if re.match(r"\n*\s*(\[\[?[\w.\"-]+\]|[\w.-]+\s*=)", text[at:]) and end == "]":
        return Verdict(message, f'close it with "{end}"')
    return Verdict(message, 'put a "," before it', repair=Repair(at, at, ", "))


def _last_comma(text: str, at: int, attempt: int) -> Verdict | None:
    """``{ a = 1, }``"""
    if text[at : at + 1] == "\n" and (text[:at].rstrip(" \t")[-1:] in ("{", ",")):
        cure = "an inline table stands on one line (TOML 1.0): join the lines, or give it a [header] of its own"
        return Verdict("expected a key in the inline table, found the end of the line", cure)
    before = text[:at].rstrip(" \t")
    if text[at : at + 1] != "}" or not before.endswith(","):
        return None
    comma = len(before) - 1
    repair = Repair(comma, comma + 1, " ")
    return Verdict('expected a key after the ",", found "}"', 'leave the last "," out', comma, 1, repair)


def _no_key(text: str, at: int, attempt: int) -> Verdict:
    return Verdict("expected a key, found " + _next(text, at), repair=_comment(text, at))


def _header(text: str, at: int, attempt: int) -> Verdict:
    brackets = "]]" if re.match(r"\s*\[\[", text[text.rfind("\n", 0, at) + 1 :]) else "]"
    present = len(re.match(r"\]*", text[at:])[0])  # type: ignore[index]
    message = f'expected "{brackets}" at the end of a header, found {_next(text, at)}'
    if (word := re.match(r"[ \t]*[\w-]+", text[at:])) is not None:
        joined = Repair(len(text[:at].rstrip(" \t")), at, "-")
        return Verdict(message, "a name with a space stands in quotes", at, len(word[0]), joined)
    return Verdict(message, f'close it with "{brackets}"', repair=Repair(at, at + present, brackets))


def _rest_of_line(text: str, at: int, attempt: int) -> Verdict:
    return Verdict("expected the end of the line, found " + _next(text, at), repair=_comment(text, at))


def _no_statement(text: str, at: int, attempt: int) -> Verdict:
    found = _next(text, at)
    return Verdict(f"expected a key, a [header] or a # comment, found {found}", repair=_comment(text, at))


def _open_string(text: str, at: int, attempt: int) -> Verdict | None:
    """A text without its closing quote, which ends with the line."""
    if at < len(text) and text[at] != "\n":
        return None
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:at]
    quote = re.search(r"""=\s*(["'])[^"']*$""", line)
    if quote is None:
        return Verdict("expected a closing quote, found the end of the " + ("line" if at < len(text) else "file"))
    start = line_start + quote.start(1)
    repair = Repair(at, at, quote[1])
    return Verdict(
        "expected a closing quote, found the end of the line", f"close it with {quote[1]}", start, at - start, repair
    )


def _backslash(text: str, at: int, attempt: int) -> Verdict:
    start = text.rfind("\\", 0, at + 1)
    cure = "double it, or use single quotes, in which a backslash is only a backslash"
    return Verdict(
        'expected an escape such as \\n, \\" or \\\\ after a backslash', cure, start, 2, Repair(start, start, "\\")
    )


def _character(text: str, at: int, attempt: int) -> Verdict:
    return Verdict(f"expected no control character, found {show(text[at : at + 1])}", "write it as an escape, \\u00XX")


def _next(text: str, at: int) -> str:
    """What stands there, in words."""
    if at >= len(text):
        return "the end of the file"
    if text[at] == "\n":
        return "the end of the line"
    found = re.match(r"""["'].*|[\w.:/-]+|.""", text[at : at + SHOWN_MAX])
    if found is None:
        return "nothing"
    return found[0] if found[0][0] in "\"'" and len(found[0]) > 1 else show(found[0])


def _comment(text: str, at: int) -> Repair | None:
    """Make the rest of the line a comment; not where that would lose the end of an array or an inline table."""
    start = _comment_line(text, at)
    return start and Repair(at, at, "#")


def _comment_line(text: str, at: int) -> Repair | None:
    """Make the whole line a comment."""
    start = text.rfind("\n", 0, at) + 1
    line, _, _ = text[start:].partition("\n")
    whole = line.lstrip().startswith("[") or not any(char in line for char in "{}[]")
    return Repair(start, start, "#") if whole else None


def second(attempt: int) -> str:
    """A key that no document has."""
    return f"{SECOND}{attempt}-"


_RULES: tuple[tuple[str, Callable[[str, int, int], Verdict | None]], ...] = (
    (r"Cannot overwrite|Duplicate|Cannot declare .* twice|Cannot mutate|Cannot redefine", _twice),
    (r"Invalid value|Expected newline|Unclosed|Invalid date", _unquoted),
    (r"Invalid value", _open_array),
    (r"Invalid value", _no_value),
    (r"Expected '='", _colon),
    (r"Expected '='", _no_equals),
    (r"Unclosed array", _comma_in_array),
    (r"Unclosed inline", _comma_in_table),
    (r"Invalid initial", _last_comma),
    (r"Invalid initial", _no_key),
    (r"Expected '\]", _header),
    (r"Expected newline", _rest_of_line),
    (r"Invalid statement", _no_statement),
    (r"Unterminated string|Illegal character|Expected [\"']|Found invalid|Invalid value", _open_string),
    (r"Unescaped|Invalid hex|Escaped", _backslash),
    (r"Illegal character|Found invalid", _character),
)
