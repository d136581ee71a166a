"""Sessions kept in the application servers themselves; ``stores/replicated.py`` is its face as a store.

``placement`` (who keeps what), ``replica`` (one member's copy) and ``wire`` (messages) are pure. ``node`` is the shell:
membership and transport by zenoh. docs/sessions/replication.md tells how it works and what it costs.
"""
