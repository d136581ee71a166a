"""``steelyard demo sessions``: one shop, the three ways to keep its users logged in, and what each costs and loses.

``ways`` is the list of ways, ``story`` plays one after another, ``shop`` and ``users`` are the child processes,
``record`` counts, ``view`` and ``show`` draw.
"""
