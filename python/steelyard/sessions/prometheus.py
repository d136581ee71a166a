"""Prometheus metrics of this process's sessions: ``REGISTRY.register(SessionCollector())``, once.

Every manager of the process is reported, whichever framework made it, by store. What a store knows of itself comes
along: a member of ``replicated://`` tells what its copies cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.manager import Manager
from steelyard.sessions.metrics import MEANING, Counts, managers, retired

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError:
    raise StoreMisconfigured("metrics need prometheus-client: pip install 'steelyard[prometheus]'") from None

PREFIX = "steelyard_session"


class SessionCollector(Collector):
    """Reads the counts when it is asked. ``of`` narrows it to some managers; left out, all of this process."""

    def __init__(self, of: Iterable[Manager] | None = None) -> None:
        self._of = None if of is None else list(of)

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Nothing is asked of a store when the collector is registered."""
        yield from ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        found, gone = (managers(), retired()) if self._of is None else (self._of, [])
        counted = [*gone, *((manager.store.name, manager.counts) for manager in found)]
        for field in fields(Counts):
            sums: Counter[str] = Counter()
            for store, counts in counted:
                sums[store] += getattr(counts, field.name)
            family = CounterMetricFamily(f"{PREFIX}_{field.name}", MEANING[field.name], labels=["store"])
            for store, value in sums.items():
                family.add_metric([store], value)
            yield family
        yield from _of_stores(found)


def _of_stores(found: list[Manager]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for store in {id(manager.store): manager.store for manager in found}.values():
        for metric in store.metrics():
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            name = f"{PREFIX}_{store.name}_{metric.name}"
            family = families.setdefault(name, kind(name, metric.meaning, labels=list(store.labels())))
            family.add_metric(list(store.labels().values()), metric.value)
    yield from families.values()
