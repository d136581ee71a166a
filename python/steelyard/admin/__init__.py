"""Operation over HTTP: the API, the metrics, and the client that the commands use.

Nothing here decides: every verb is one call of ``steelyard.balancer.Balancer``.
"""
