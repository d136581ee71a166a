"""What sessions cost: ours, the libraries of the field and the bare client, on one real Redis, interleaved in one run.

``python -m benchmarks.sessions``. The balancer takes no part, so it is not a scenario of ``python -m benchmarks``.
"""
