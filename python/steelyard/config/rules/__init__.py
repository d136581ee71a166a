"""The rules of ``check``, one file for each part of the configuration; each takes the whole ``Config``."""
