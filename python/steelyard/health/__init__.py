"""Whether a server can serve: the policies (pure) and the probes that ask it (asyncio)."""
