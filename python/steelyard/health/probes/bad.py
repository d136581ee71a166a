"""The one exception between a probe and the function that runs it."""

from __future__ import annotations


class BadAnswer(Exception):
    """The server answered, and the answer is not what the probe expects; the message is the whole sentence."""
