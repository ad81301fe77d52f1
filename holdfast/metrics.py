"""Counters, gauges and histograms, declared beside the code they count.

Thin names over prometheus-client so that every metric is called holdfast_… and nothing else chooses buckets.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def counter(name: str, sentence: str, labels: Sequence[str] = ()) -> Counter:
    """A number that only rises."""
    return Counter(f"holdfast_{name}", sentence, labels)


def gauge(name: str, sentence: str, labels: Sequence[str] = ()) -> Gauge:
    """A number that goes up and down."""
    return Gauge(f"holdfast_{name}", sentence, labels)


def seconds(name: str, sentence: str, labels: Sequence[str] = ()) -> Histogram:
    """How long something took, in seconds."""
    return Histogram(f"holdfast_{name}_seconds", sentence, labels, buckets=SECONDS)
