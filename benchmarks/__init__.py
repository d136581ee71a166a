"""``make bench``: us and the twins, in one run, interleaved, doing the same work, as ratios with their spread.

``native`` builds the load's programs (C), ``contestants`` knows how each proxy is configured and started,
``scenarios`` what is measured, ``statistics`` how rounds become numbers, ``targets`` what we must reach and
``report`` how it is shown. No absolute time is ever compared in a test.
"""
