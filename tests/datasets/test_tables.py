"""Tables: columns told apart, values brought to numbers, what is wrong named."""

import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from clearprop.datasets import read_table
from clearprop.datasets.formed import held_out
from clearprop.datasets.table import encode_table, load_table
from clearprop.datasets.table_files import CELLS
from clearprop.datasets.table_form import TableForm
from clearprop.errors import ClearpropError, ConfigError, DataError, FileFormatError


@pytest.fixture
def table(tmp_path):
    """Write a table: `table("a,b", "1,2", "3,4")` → its path."""

    def write(*lines, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes("\n".join([*lines, ""]).encode(encoding))
        return path

    return write


FRUIT = ["120,red,2.5", "90,green,1.5", "150,red,3.5", "80,green,1", "100,blue,2"] * 8


def whole(path, target="y", **settings):
    """All rows of a table, training and test part, in the order of the file."""
    made = read_table(path, target, **settings)
    rows = len(made.x_train) + len(made.x_test)
    test = held_out(path, rows, made.form.test, made.form.seed)
    x = np.empty((rows, made.form.width), np.float32)
    t = np.empty((rows, *made.t_train.shape[1:]), made.t_train.dtype)
    x[~test], x[test], t[~test], t[test] = made.x_train, made.x_test, made.t_train, made.t_test
    return made, x, t


def test_numbers_are_standardised_by_the_training_part_and_texts_are_one_hot(table):
    path = table("weight,colour,y", *FRUIT)
    made, x, t = whole(path)
    assert made.task == "regression"
    assert (x.dtype, t.dtype, t.shape) == (np.float32, np.float32, (40, 1))
    assert made.form.inputs == {"weight": slice(0, 1), "colour": slice(1, 4)}
    rows = [line.split(",") for line in FRUIT]
    learned = made.x_train[:, 0] * made.form.columns[0].deviation + made.form.columns[0].mean
    assert made.form.columns[0].mean == pytest.approx(learned.mean(dtype=float))
    assert made.x_train[:, 0].std(dtype=float) == pytest.approx(1, abs=1e-6)
    assert made.t_train.mean(dtype=float) == pytest.approx(0, abs=1e-6)
    colours = ["blue", "green", "red"]
    np.testing.assert_array_equal(x[:, 1:].argmax(axis=1), [colours.index(r[1]) for r in rows])
    assert (x[:, 1:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(made.decode(t), [float(r[2]) for r in rows], atol=1e-6)


def test_the_same_seed_holds_the_same_rows_out(table):
    path = table("weight,colour,y", *FRUIT)
    a, b, c = (read_table(path, "y", seed=seed, test=0.25) for seed in (1, 1, 2))
    assert len(a.x_test) == 10
    np.testing.assert_array_equal(a.x_train, b.x_train)
    assert not np.array_equal(a.x_train, c.x_train)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"], "classification"),
        (["0", "1"], "classification"),
        (["1.0", "2", "3"], "classification"),
        (["0.5", "1"], "regression"),
        ([str(n) for n in range(30)], "regression"),
        (["1e3", "-2"], "classification"),
    ],
)
def test_the_task_is_found_and_said(table, values, task):
    made = read_table(table("x,y", *(f"{n},{values[n % len(values)]}" for n in range(60))), "y")
    assert made.task == task
    assert made.notes[0].startswith(f"y is learned by {task}")
    other = {"classification": "regression", "regression": "classification"}[task]
    if values != ["yes", "no"]:
        assert read_table(table("x,y", *(f"{n},{values[n % len(values)]}" for n in range(60))), "y",
                          task=other).task == other  # fmt: skip


def test_classes_that_are_numbers_are_one_however_they_are_written(table):
    made, _, t = whole(
        table("x,y", *(f"{n},{['1', '1.0', '01', '10', '10.0'][n % 5]}" for n in range(50)))
    )
    assert made.classes == ("1", "10")
    np.testing.assert_array_equal(t, [n % 5 > 2 for n in range(50)])
    assert made.decode(np.array([[0.1, 0.9]])).tolist() == ["10"]


def test_a_new_table_is_read_the_same_in_any_order_of_columns(table, tmp_path):
    path = table("weight,colour,y", *FRUIT)
    made, x, _ = whole(path)
    form = TableForm.from_dict(json.loads(json.dumps(made.form.to_dict())))
    assert form == made.form
    new = table("shop,colour,weight", "a,red,120", 'b," green ",90', "c,pink,150", name="new.csv")
    found, rows, told, extra = encode_table(form, new)
    np.testing.assert_array_equal(found[:2], x[:2])
    assert not found[2, 1:].any()
    assert rows.all()
    assert told == ["colour: categories that were not learned count as none: 'pink' (1)"]
    assert extra == ["shop"]
    with pytest.warns(UserWarning, match="pink"):
        np.testing.assert_array_equal(made.encode(new), found)
    np.testing.assert_array_equal(load_table(form, path).x_train, made.x_train)
    with pytest.raises(DataError, match=r"no column 'weight'.*any order"):
        encode_table(form, table("colour", "red", name="new.csv"))


def test_missing_values_are_refused_dropped_or_filled(table):
    lines = ["120,red,2.5", ",green,1.5", "150,NA,3.5", "80,green,1", "100,red,2"] * 8
    path = table("weight,colour,y", *lines)
    with pytest.raises(DataError) as error:
        read_table(path, "y")
    assert "weight: 8 missing (lines 3, 8, 13, …)" in str(error.value)
    assert "colour: 8 missing (lines 4, 9, 14, …, written 'NA')" in str(error.value)
    made, x, _ = whole(path, missing="mean")
    assert (x[1::5, 0] == 0).all()
    assert not x[2::5, 1:].any()
    assert made.form.columns[0].mean == pytest.approx(112.5, abs=10)
    dropped = read_table(path, "y", missing="drop")
    assert len(dropped.x_train) + len(dropped.x_test) == 24
    assert dropped.form.columns[1].categories == ("green", "red")
    new = table("weight,colour", "120,red", ",red", name="new.csv")
    assert encode_table(dropped.form, new)[1].tolist() == [True, False]
    with pytest.raises(DataError, match=r"weight: 1 missing \(line 3\); leave these rows out"):
        dropped.encode(new)
    assert encode_table(made.form, new)[0][1, 0] == 0
    with pytest.raises(DataError, match=r"y: 1 missing \(line 2"):
        read_table(table("x,y", "1,", *["1,1", "2,2"] * 9), "y", missing="mean")


def test_blocks_of_numbers_and_blocks_of_text_are_one_table(table):
    """A column is a category even if its text comes late, and keeps how it was written before."""
    rows = CELLS // 2
    early = [f"0{n % 2},{n}" for n in range(rows)]
    with pytest.raises(DataError, match=r"code holds numbers, but for 'x'"):
        read_table(table("code,y", *early, "x,1"), "y")
    made, x, _ = whole(
        table("code,y", *early, "x,1"), categories="code", task="regression", test=0.01
    )
    assert made.form.columns[0].categories == ("00", "01", "x")
    np.testing.assert_array_equal(x[:-1].argmax(axis=1), np.arange(rows) % 2)


def test_forms_of_text_files(table):
    rows = [("1.5", "a b", "2"), ("-3", 'say "x", y', "1"), ("2e2", "two\nlines", "0")] * 10
    quoted = [",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows]
    made, x, _ = whole(table("a,b,y", *quoted, "", encoding="utf-8-sig"))
    assert made.form.columns[1].categories == ("a b", 'say "x", y', "two\nlines")
    for name, sign in ("table.tsv", "\t"), ("table.csv", ";"), ("table.csv", "\t"):
        path = table(sign.join("aby"), *(sign.join([a, f"n{y}", y]) for a, _, y in rows), name=name)
        np.testing.assert_array_equal(whole(path)[1], x[:, [0, 3, 2, 1]])
    windows = table("a,b,y\r", *(f"{a},n{y},{y}\r" for a, _, y in rows))
    np.testing.assert_array_equal(whole(windows)[1], x[:, [0, 3, 2, 1]])


def test_arrays(tmp_path, table):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((40, 3)), rng.integers(3, size=40)
    np.savez(tmp_path / "a.npz", x=x, t=t)
    made, found, classes = whole(tmp_path / "a.npz", None)
    assert list(made.form.inputs) == ["x[0]", "x[1]", "x[2]"]
    np.testing.assert_array_equal(classes, t)
    np.save(tmp_path / "a.npy", np.c_[x, t])
    np.testing.assert_array_equal(whole(tmp_path / "a.npy", "3")[1], found)
    np.savez(tmp_path / "b.npz", x=np.array(["u", "v"] * 20), t=x[:, 0])
    assert read_table(tmp_path / "b.npz").form.columns[0].categories == ("u", "v")
    np.savez(tmp_path / "c.npz", x=x, t=t[:-1])
    for name, array, told in (
        ("d", np.array([{}] * 40), "x holds object, not numbers or text"),
        ("e", np.array(3), "x is one number alone, not a column; leave it out"),
        ("f", x + 1j, "x holds complex128"),
    ):
        np.savez(tmp_path / f"{name}.npz", x=array, t=t)
        with pytest.raises(DataError, match=told):
            read_table(tmp_path / f"{name}.npz")
    with pytest.raises(DataError, match="as many rows each"):
        read_table(tmp_path / "c.npz")
    np.save(tmp_path / "o.npy", np.array([object()] * 3))
    (tmp_path / "z.npz").write_bytes(b"PK no zip")
    for name in "o.npy", "z.npz":
        with pytest.raises(FileFormatError, match=name):
            read_table(tmp_path / name, "t")


def test_parquet(tmp_path, table):
    pl = pytest.importorskip("polars")
    path = table("weight,colour,y", *FRUIT)
    pl.read_csv(path).write_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(whole(tmp_path / "t.parquet")[1], whole(path)[1])
    frame = pl.DataFrame(
        {"a": [1, None, 3] * 9, "b": [True, False, None] * 9, "y": [0.5, 1, 2] * 9}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"a: 9 missing \(rows 2, 5, 8, ….*b: 9 missing"):
        read_table(tmp_path / "t.parquet", "y")
    (tmp_path / "t.parquet").write_text("no parquet")
    with pytest.raises(FileFormatError, match=r"t\.parquet"):
        read_table(tmp_path / "t.parquet", "y")


def test_without_polars_csv_is_read_the_same_and_parquet_says_what_to_install(
    table, tmp_path, monkeypatch
):
    path = table("a,b,y", *(f"{n / 7},{n % 3},{n * 1e-3}" for n in range(50)))
    before = whole(path)[1]
    monkeypatch.setitem(sys.modules, "polars", None)
    np.testing.assert_array_equal(whole(path)[1], before)
    (tmp_path / "t.parquet").write_text("")
    with pytest.raises(ClearpropError, match=r"clearprop\[tables\]"):
        read_table(tmp_path / "t.parquet", "y")


GOOD = ["1,2", "2,3", "3,5"] * 8
WRONG = {
    "ragged": (["x,y", *GOOD, "1,2,3"], "line 26: 3 cells, where the header has 2 names"),
    "ragged text": (["x,y", *(f"a{g}" for g in GOOD), "", "b"], "line 27: 1 cells"),
    "empty": ([], "is empty"),
    "only a header": (["x,y"], "there are 0 rows"),
    "one row": (["x,y", "1,2"], "there are 1 rows"),
    "twice": (["x,x,y", "1,2,3"], "two columns are called 'x'"),
    "hidden": (["x,\x1b[31mz,y", "1,2,3"], "the name '.x1b.31mz', which cannot be shown"),
    "nameless": (["x,,y", "1,2,3"], "column 2 has no name"),
    "no target": (["x,why", *GOOD], "no column 'y'; there is 'why'"),
    "no header": (GOOD, "the first line holds numbers where names"),
    "too large": (["x,y", *GOOD, "1e400,2"], "line 26: x is '1e400'.*fits into float32"),
    "infinite": (["x,y", *GOOD, "1,-inf"], "line 26: y is '-inf'.*fits into float32"),
    "infinite after all": (["x,y", *GOOD, "1e308,2", "-1e308,2"], "too large"),
    "an id": (["x,y", *(f"n{n},{n}" for n in range(1500))], r"--ignore"),
    "a small id": (["x,y", *(f"n{n},{n}" for n in range(50))], r"40 different texts in 50 rows"),
    "one class": (["x,y", *["1,a"] * 9], "one class only, 'a'"),
    "constant": (["x,y", *["1,7.5", "2,7.5"] * 3], "nothing to learn"),
    "nothing to learn from": (["y", "1", "2"], "no column to learn from"),
    "decimal commas": (["x;y", '"1,5";2', "2,5;1", "3,5;2"], "numbers with commas"),
    "per cent": (["x,y", *["1.5%,2", "2%,5", "-3.5 %,1"] * 3], "numbers with a sign"),
    "a price to learn": (["x,y", *["1,$2", "2,-$1400.5"] * 9], "such as '.?.?[$]"),
    "two rows": (["x,y", "1,2", "2,3"], "one row is left"),
    "thousands": (["x,y", *['"1,234",2', '"2,000",5'] * 5], "numbers with commas"),
    "a word among numbers": (["x,y", *GOOD, "many,2"], "line 26: x holds numbers, but for 'many'"),
    "a word in the target": (["x,y", *GOOD, "1,many"], "line 26: y holds numbers, but for 'many'"),
    "one word": (["x,y", *GOOD, "many,2"], "but for 'many'; repair it"),
    "two words": (["x,y", *GOOD, "many,2", "few,1"], "but for 'many' and 1 more; repair it"),
    "underscore": (["x,y", *GOOD, "1_0,2"], "but for '1_0'"),
    "open quote": (["x,y", *GOOD, '"1,2'], "line 26.*quotes"),
    "missing": (["x,y", *GOOD, "nan,2"], r"x: 1 missing \(line 26, written 'nan'\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("polars", [True, False])
def test_what_is_wrong_is_named(table, case, polars, monkeypatch):
    if not polars:
        monkeypatch.setitem(sys.modules, "polars", None)
    lines, told = WRONG[case]
    path = table(*lines)
    if not lines:
        path.write_bytes(b"")
    with pytest.raises(ClearpropError, match=f"(?s){told}") as error:
        read_table(path, "y")
    assert str(path) in str(error.value)


def test_what_separates_cells_is_seen_outside_of_quotes(table):
    rows = [line.replace(",", "|") for line in GOOD]
    assert [*read_table(table("x|y", *rows), "y").form.inputs] == ["x"]
    rows = [line.replace(",", ";") for line in GOOD]
    named = read_table(table('"x, in m, or so";y', *rows), "y").form.inputs
    assert [*named] == ["x, in m, or so"]


def test_encodings(table):
    for encoding in "latin-1", "utf-16":
        path = table("x,größe", *GOOD, encoding=encoding)
        with pytest.raises(FileFormatError, match=r"line 1: the byte 0x.. is not UTF-8.*Latin-1"):
            read_table(path, "größe")
    path = table("x,y", *(f"a{n % 2},{n}" for n in range(3000)), "é,1", encoding="latin-1")
    with pytest.raises(FileFormatError, match=r"line 3002"):
        read_table(path, "y")


def test_what_tells_nothing_is_said_and_does_no_harm(table):
    path = table("x,same,word,y", *(f"{n},{1e9 + 0.1},w,{n * 0.5}" for n in range(30)))
    made = read_table(path, "y")
    assert [note for note in made.notes if "tells nothing" in note] == [
        "same: number, 1e+09 ± 0; always the same, which tells nothing",
        "word: category, 'w'; always the same, which tells nothing",
    ]
    assert np.isfinite(made.x_train).all()
    assert np.abs(made.x_train[:, 1]).max() < 1e-3


def test_settings_are_checked(table):
    path = table("x,y", *GOOD)
    for wrong in (
        {"missing": "guess"},
        {"task": "sorting"},
        {"test": 0},
        {"test": 1.5},
        {"ignore": "z"},
    ):
        with pytest.raises(ConfigError):
            read_table(path, "y", **wrong)
    with pytest.raises(ConfigError, match="one of 'x', 'y'"):
        read_table(path)
    with pytest.raises(FileNotFoundError):
        read_table(path.with_name("nowhere.csv"), "y")
    os.mkfifo(path.with_name("fifo.csv"))
    with pytest.raises(FileFormatError):
        read_table(path.with_name("fifo.csv"), "y")
    for broken in ({}, {"columns": []}, {"columns": 3}, {"missing": 5}, {"target": {"name": 1}}):
        entry = read_table(path, "y").form.to_dict() | broken if broken else {}
        with pytest.raises(ConfigError, match="form"):
            TableForm.from_dict(entry)


def test_large_numbers_keep_their_differences(table):
    """Seconds since 1970 differ by less than float32 sees of them."""
    seconds = [1.7e9 + 3 * n for n in range(40)]
    made, x, _ = whole(table("when,y", *(f"{s},{n / 2}" for n, s in enumerate(seconds))))
    column = made.form.columns[0]
    np.testing.assert_allclose(
        x[:, 0].astype(float) * column.deviation + column.mean, seconds, rtol=0, atol=1e-3
    )
    assert (np.diff(x[:, 0]) > 0).all()


def test_a_table_takes_little_more_memory_than_what_comes_of_it(tmp_path):
    rows, columns = 40_000, 50
    line = ",".join(f"{n / 7:.4f}" for n in range(columns))
    with open(tmp_path / "large.csv", "w") as file:
        file.write(",".join([*(f"c{n}" for n in range(columns)), "y"]) + "\n")
        file.writelines(f"{line},{n % 977}.5\n" for n in range(rows))
    program = """
import resource, sys
from clearprop.datasets import read_table
from clearprop.datasets.table_files import _numbers
_numbers(["1,2\\n"], ",")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = read_table(sys.argv[1], "y")
assert len(table.x_train) == 32_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "large.csv")]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown * 1024 < 2 * rows * columns * 4 + 2**25  # and what a few blocks take


@pytest.mark.parametrize("shape", [(10**12,), (10**11, 3)])
def test_an_archive_that_tells_of_more_than_it_holds_takes_no_memory(tmp_path, shape):
    header = io.BytesIO()
    told = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, told)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("y.npy", header.getvalue() + bytes(80))
    with pytest.raises(FileFormatError, match=f"the shape \\({shape[0]},.*holds less"):
        read_table(tmp_path / "a.npz", "y")
