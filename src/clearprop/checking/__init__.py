"""Gradient checks that name the layer, the argument, the element and the likely cause."""

from clearprop.checking.anomaly import Anomaly, first_anomaly
from clearprop.checking.check import assert_gradients, check
from clearprop.checking.findings import Finding, Kind
from clearprop.checking.layer_report import LayerReport, Row
from clearprop.checking.report import Report

__all__ = [
    "Anomaly",
    "Finding",
    "Kind",
    "LayerReport",
    "Report",
    "Row",
    "assert_gradients",
    "check",
    "first_anomaly",
]
