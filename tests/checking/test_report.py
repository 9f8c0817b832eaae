"""What a report says, and in which forms."""

import json

import numpy as np
import pytest
import right_layers

from clearprop import Affine, Relu, assert_gradients, check
from clearprop.checking import Finding, Kind, LayerReport, Report, Row
from clearprop.checking.layer_report import merge


class Bent(Affine):
    """The derivative of the weights is right but for one element."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW[2, 1] += 0.25
        return dx


class Negative(Affine):
    def backward(self, dout):
        return -super().backward(dout)


X = np.random.default_rng(0).standard_normal((4, 5))


def affine(cls=Affine):
    rng = np.random.default_rng(1)
    return cls(rng.standard_normal((5, 3)), rng.standard_normal(3))


def test_a_fault_is_named_with_its_element_and_the_three_values():
    report = check(affine(Bent), X)
    (fault,) = report.faults
    assert not report.ok
    assert not report
    assert (fault.layer, fault.argument, fault.index) == ("Bent", "W", (2, 1))
    assert fault.automatic == pytest.approx(fault.numeric, rel=1e-7)
    assert fault.analytic == pytest.approx(fault.automatic + 0.25)
    assert fault.place == "Bent, W[2, 1]"


def test_rows_hold_the_worst_differences():
    report = check(affine(Negative), X)
    x, W, b = report["Negative"].rows
    assert [row.argument for row in (x, W, b)] == ["x", "W", "b"]
    assert (x.shape, W.shape, b.shape) == ((4, 5), (5, 3), (3,))
    assert x.relative == pytest.approx(2)
    assert x.absolute == pytest.approx(2 * abs(report.faults[0].automatic))
    assert not x.ok
    assert W.ok
    assert W.relative < 1e-12


def test_the_table():
    text = str(check(affine(Negative), X))
    lines = text.splitlines()
    assert lines[0].split() == [
        *("layer", "argument", "shape", "absolute", "relative", "compared", "with", "verdict")
    ]
    assert lines[2].startswith("Negative  x         (4, 5)")
    assert lines[2].endswith("sign")
    assert lines[3].endswith("right")
    assert "Negative: 1 layer, 3 derivatives compared in float64: 1 fault, in Negative." in lines
    assert "Remedy: change the sign of this derivative." in text
    assert "  backward " in text


def test_iteration_gives_findings_and_layers_are_found_by_name():
    report = check(affine(Negative), X)
    assert [type(finding) for finding in report] == [Finding]
    assert report["Negative"].faults == report.faults
    with pytest.raises(KeyError, match="no layer 'Relu' was checked; checked: Negative"):
        report["Relu"]


def test_json_can_be_read_and_holds_everything():
    report = check(affine(Bent), X)
    content = json.loads(report.to_json())
    assert content["ok"] is False
    (layer,) = content["layers"]
    assert [row["argument"] for row in layer["rows"]] == ["x", "W", "b"]
    (finding,) = layer["findings"]
    assert (finding["argument"], finding["index"]) == ("W", [2, 1])
    assert finding["analytic"] == report.faults[0].analytic
    assert finding["remedy"]


def test_json_has_no_nan():
    finding = Finding(layer="A", kind=Kind.NOT_FINITE, message="m", analytic=float("nan"))
    text = Report("A", (LayerReport("A", "A", findings=(finding,)),)).to_json()

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse)["layers"][0]["findings"][0]["analytic"] == "nan"


def test_notebooks_get_a_table_with_everything_escaped():
    finding = Finding(layer="<b>", kind=Kind.SIGN, message="a < b", argument="x")
    row = Row("x", (2,), 1.0, 1.0, "automatic", "sign")
    html = Report("<i>", (LayerReport("<b>", "B", (row,), (finding,)),))._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html
    assert html.count("<tr") == 2


def test_assert_gradients_raises_with_the_table_and_returns_the_report():
    assert assert_gradients(affine(), X).ok
    with pytest.raises(AssertionError, match=r"(?s)absolute.*Negative, x\[.*sign"):
        assert_gradients(affine(Negative), X)


def test_the_same_seed_gives_the_same_report():
    one, other = (check(affine(Bent), X, rng=7).to_json() for _ in range(2))
    assert one == other


def test_samples_are_merged_into_one_row_an_argument():
    report = check(right_layers.Affine)
    (layer,) = report.layers
    assert layer.cases == 2
    assert [row.argument for row in layer.rows] == ["x", "W", "b"]


def test_the_diagnosis_of_the_largest_sample_is_believed():
    def sample(shape, kind):
        row = Row("x", shape, 1.0, 1.0, "automatic", kind.value)
        finding = Finding(layer="L", kind=kind, message="m", argument="x")
        return LayerReport("L", "L", (row,), (finding,))

    merged = merge("L", [sample((1,), Kind.FACTOR), sample((4, 3), Kind.SIGN)])
    assert [finding.kind for finding in merged.findings] == [Kind.SIGN]
    assert [row.verdict for row in merged.rows] == ["sign"]


def test_exhaustive_looks_at_every_element(monkeypatch):
    from clearprop.checking import compare

    seen = []
    element = compare.element
    monkeypatch.setattr(
        compare, "element", lambda e, n, i, h=None: seen.append((n, i)) or element(e, n, i, h)
    )
    assert check(Relu(), X, exhaustive=True).ok
    assert {i for n, i in seen if n == "x"} >= set(np.ndindex(X.shape))


def test_differences_alone_are_told_with_the_reason():
    class Numbers:
        def forward(self, x):
            self.x = x
            return np.array([[float(v) ** 2 for v in row] for row in x])

        def backward(self, dout):
            return 2 * dout * self.x

    report = check(Numbers(), np.arange(1.0, 7.0).reshape(2, 3))
    assert report.ok
    assert [row.method for row in report.layers[0].rows] == ["directions"]
    assert "by directions, since forward cannot be opened" in str(report)
    assert "float(v) ** 2" in str(report)
