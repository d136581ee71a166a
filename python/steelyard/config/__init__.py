"""The vocabulary: one schema that the file, the flags, the admin JSON, the docs and the metrics share."""
