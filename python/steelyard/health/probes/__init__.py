"""The probes: each asks one server once and says, in a sentence, what it found."""
