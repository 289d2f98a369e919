"""Pushes, adds and deletes with client_python, for record.py: push.py URL"""
import sys

from prometheus_client import (
    CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, delete_from_gateway, instance_ip_grouping_key,
    push_to_gateway, pushadd_to_gateway)
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, UnknownMetricFamily
from prometheus_client.exposition import default_handler

url = sys.argv[1]


def with_token(url, method, timeout, headers, data):
    return default_handler(url, method, timeout, [*headers, ("Authorization", "Bearer recorded-token")], data)


class Families:
    """Kinds that have no class of their own to instrument with."""

    def collect(self):
        yield UnknownMetricFamily("left", "Left.", value=-0.00001)
        yield GaugeHistogramMetricFamily("waiting_seconds", "Waiting.", buckets=[("1.0", 2), ("+Inf", 3)], gsum_value=12.5)


class Stamped:
    """A metric with a time of its own, which no Pushgateway takes."""

    def collect(self):
        family = GaugeMetricFamily("stamped", "One.", labels=[])
        family.add_metric([], 1, timestamp=1732531234.5)
        yield family


def filled():
    """A registry with a metric of every kind."""
    registry = CollectorRegistry()
    runs = Counter("runs", 'Runs, "quoted" \\ and\nof two lines.', ["kind"], registry=registry)
    runs.labels("full").inc(5, {"trace_id": "7f3a"})
    runs.labels('naïve "😂" \\ \n').inc(0.25)
    Gauge("rows", "Rows.", ["table"], namespace="db", registry=registry).labels("a").set(1234567)
    Gauge("last_success_unixtime", "Last time.", registry=registry).set_to_current_time()
    took = Histogram("took", "Time.", unit="seconds", buckets=[0.5, 1, 10], registry=registry)
    for value in [0, 0.7, 42]:
        took.observe(value, {"trace_id": "9c01"})
    size = Summary("size", "Size.", ["of"], unit="bytes", registry=registry)
    size.labels("a").observe(1.5)
    Info("build", "Build.", registry=registry).info({"version": "1.2.3", "branch": "main"})
    Enum("phase", "Phase.", states=["starting", "running"], registry=registry).state("running")
    Gauge("nothing", "Not a number.", registry=registry).set(float("nan"))
    Gauge("without_samples", "None.", ["kind"], registry=registry)
    registry.register(Families())
    return registry


def only(*names):
    registry = CollectorRegistry()
    for name in names:
        Gauge(name, "Rows.", registry=registry).set(3)
    return registry


plain = {"job": "every kind", "handler": with_token,
         "grouping_key": {"path": "/var/tmp", "zone": "", "team": "naïve 😂", "rate": "a+b 50%", "shard": 7, **instance_ip_grouping_key()}}
push_to_gateway(url, registry=filled(), **plain)
pushadd_to_gateway(url, registry=only("db_rows"), **plain)
push_to_gateway(url, registry=only(), **plain)
pushadd_to_gateway(url, registry=only(), **plain)
delete_from_gateway(url, **plain)

prefixed = {"gateway": url + "/tenants/pusher/replace/", "job": "orders/eu", "handler": with_token}
push_to_gateway(registry=filled(), **prefixed)
pushadd_to_gateway(registry=only("db_rows"), **prefixed)
delete_from_gateway(**prefixed)

stamped = CollectorRegistry()
stamped.register(Stamped())
push_to_gateway(url, job="time of its own", registry=stamped, handler=with_token)
