"""For all tests: properties have no deadline, because how long an example takes says nothing on a shared machine."""

from hypothesis import settings

settings.register_profile("steelyard", deadline=None)
settings.load_profile("steelyard")
