"""The demonstration: three servers of unequal speed, the balancer, a load, and a server that dies and comes back.

Everything is real: the servers and the load are processes of their own, and the one that dies is killed with SIGKILL.
``story`` runs it, ``server`` and ``load`` are the child processes, ``view`` draws it, ``tally`` counts.
"""
