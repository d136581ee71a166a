"""What decides: events in, state and effects out (pure), and the supervisor that performs the effects (asyncio)."""
