"""The native planes, as the supervisor sees them: the only importers of ``_native``."""
