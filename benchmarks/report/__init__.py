"""How results are shown: a table in the terminal, JSON and Markdown to keep, a chart for the docs."""
