"""`clearprop train` and its friends on tables and pictures of the user's own."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image


def answers(out):
    return list(csv.DictReader(io.StringIO(out)))


@pytest.fixture
def houses(tmp_path):
    """Prices that follow from area and district, and a table of new houses."""
    rng = np.random.default_rng(0)
    rows = [(f"{rng.uniform(40, 200):.1f}", rng.choice(["north", "old town"])) for _ in range(200)]
    price = [2000 * float(a) + 50_000 * (d == "north") for a, d in rows]
    lines = [
        "area,district,price",
        *(f"{a},{d},{p}" for (a, d), p in zip(rows, price, strict=True)),
    ]
    (tmp_path / "houses.csv").write_text("\n".join(lines))
    (tmp_path / "new.csv").write_text("district,shade,area\nnorth,1,100\nold town,2,150\n")
    return tmp_path / "houses.csv"


def test_a_regression_is_found_learned_told_and_answered_in_its_unit(clearprop, houses):
    run = clearprop("train", "houses.csv", "--target", "price", "--epochs", 60, "--rate", 0.01)
    assert run.code == 0
    assert "price is learned by regression: numbers" in run.out
    assert "district: category, 'north', 'old town'" in run.out
    assert "test R²" in run.out
    new = clearprop("predict", "runs/1", "new.csv")
    assert [list(row) for row in answers(new.out)] == [["price"], ["price"]]
    prices = [float(row["price"]) for row in answers(new.out)]
    np.testing.assert_allclose(prices, [250_000, 300_000], rtol=0.05)
    assert "columns that play no part: shade" in new.err
    page = (houses.parent / "runs" / "1" / "report.html").read_text("utf-8")
    for part in ("mean absolute error, price", "Predicted price against true", "Residuals",
                 "What the answers depend on", "test R²"):  # fmt: skip
        assert part in page
    assert "first layer looks for" not in page
    assert page.index(">area<") < page.index(">district<")  # by importance
    # again from the settings alone, and into a file
    assert clearprop("report", "runs/1").code == 0
    assert (houses.parent / "runs" / "1" / "report.html").read_text("utf-8") == page
    assert clearprop("predict", "runs/1", "new.csv", "-o", "a.csv").out == ""
    assert (houses.parent / "a.csv").read_text() == new.out
    assert json.loads(clearprop("predict", "--json", "runs/1", "new.csv").out) == [
        {"price": price} for price in prices
    ]
    assert "power" not in clearprop("source", "runs/1").err


def test_a_classification_speaks_of_its_classes(clearprop, houses):
    assert clearprop("train", "houses.csv", "--target", "district", "--epochs", 60, "-q").code == 0
    page = (houses.parent / "runs" / "1" / "report.html").read_text("utf-8")
    assert '<th scope="col">old town</th>' in page
    rows = answers(clearprop("predict", "runs/1", "houses.csv").out)
    assert set(rows[0]) == {"district", "probability"}
    assert {row["district"] for row in rows} == {"north", "old town"}
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)
    found = json.loads(clearprop("predict", "--json", "runs/1", "houses.csv").out)
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1)


def test_a_run_on_a_table_goes_on_bit_for_bit_and_is_compared(clearprop, houses, tmp_path):
    train = "train", "houses.csv", "--target", "price", "-q", "--seed", 3
    clearprop(*train, "--epochs", 3)
    assert clearprop("train", "--resume", "runs/1", "--epochs", 6, "-q").code == 0
    clearprop(*train, "--epochs", 6)
    first, second = (tmp_path / "runs" / n / "weights.safetensors" for n in "12")
    assert first.read_bytes() == second.read_bytes()
    clearprop("train", "houses.csv", "--target", "area", "-q", "--epochs", 2)
    compared = clearprop("compare", "runs/1", "runs/3").out
    assert "R² on test data" in compared
    assert "area, district" in compared
    houses.write_text(houses.read_text().replace("area,", "size,"))
    refused = clearprop("train", "--resume", "runs/1", "--epochs", 9)
    assert "there is no column 'area'" in refused.err


def test_missing_values_are_handled_as_asked(clearprop, houses):
    houses.write_text(houses.read_text() + "\n,north,1\n")
    refused = clearprop("train", "houses.csv", "--target", "price")
    assert refused.code == 2
    assert "area: 1 missing (line 202)" in refused.err
    for way in "mean", "drop":
        options = "--target", "price", "--missing", way, "--epochs", 2, "-q", "--folder", way
        assert clearprop("train", "houses.csv", *options).code == 0
    (houses.parent / "new.csv").write_text("area,district\n100,north\n,north\n")
    assert all(row["price"] for row in answers(clearprop("predict", "mean", "new.csv").out))
    dropped = clearprop("predict", "drop", "new.csv")
    assert [bool(row["price"]) for row in answers(dropped.out)] == [True, False]
    assert "area: 1 missing (line 3)" in dropped.err


def test_options_that_say_nothing_of_the_data_are_refused(clearprop, houses, tmp_path):
    (tmp_path / "folder").mkdir()
    wrong = [
        (("houses.csv",), "say by target (--target)"),
        (("houses.csv", "--target", "prize"), "there is 'price'"),
        (("houses.csv", "--target", "price", "--side", 8), "--side says nothing of a table"),
        (("--target", "price"), "--target says nothing of images in IDX files"),
        (("folder", "--target", "price"), "--target says nothing of a folder of pictures"),
        (("folder",), "0 subfolders"),
        (("nowhere.csv", "--target", "price"), "no such file or folder"),
        (("houses.csv", "--target", "price", "--optimizer", "best"), "is one of sgd, "),
        (("--resume", "runs/1", "--target", "price"), "--target cannot be given"),
    ]
    for arguments, told in wrong:
        answer = clearprop("train", *arguments)
        assert answer.code == 2
        assert told in answer.err
    assert not (tmp_path / "runs").exists()
    clearprop("train", "houses.csv", "--target", "price", "--epochs", 1, "-q")
    assert "give one table" in clearprop("predict", "runs/1", "new.csv", "new.csv").err
    assert (
        "--show is for pictures" in clearprop("predict", "runs/1", "x.csv", "--show", "a.png").err
    )
    config = tmp_path / "runs" / "1" / "config.json"
    entry = json.loads(config.read_text())
    del entry["form"]["target"]
    config.write_text(json.dumps(entry))
    answer = clearprop("predict", "runs/1", "new.csv")
    assert answer.code == 2
    assert '"form" does not say' in answer.err


def test_a_folder_of_pictures_with_a_subfolder_for_each_class(clearprop, tmp_path):
    rng = np.random.default_rng(0)
    for name, low in ("dark", 0), ("light", 160):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for n in range(15):
            pixels = rng.integers(low, low + 90, size=(20, 30), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shades" / name / f"{n}.png")
    options = "--side", 8, "--epochs", 40, "--rate", 0.01
    run = clearprop("train", "shades", *options)
    assert run.code == 0
    assert "dark (15), light (15); 8×8 pixels, grey" in run.out
    found = answers(clearprop("predict", "runs/1", "shades/dark/1.png", "shades/light/2.png").out)
    assert [row["class"] for row in found] == ["dark", "light"]
    (tmp_path / "note.jpg").write_text("Dear Sir")
    shade = Image.new("LA", (16, 16), (40, 255))
    shade.save(tmp_path / "shade.webp")
    given = "note.jpg", "shade.webp", "--show", "seen.png"
    mixed = clearprop("predict", "runs/1", *given)
    assert mixed.code == 2
    assert "note.jpg: this is not a picture" in mixed.err
    assert answers(mixed.out)[0].items() >= {"picture": "shade.webp", "class": "dark"}.items()
    seen = np.asarray(Image.open(tmp_path / "seen.png"))
    assert seen.shape == (80, 80)
    assert abs(seen[20:60, 20:60] - 40.0).max() <= 1
    entries = json.loads(clearprop("predict", "--json", "runs/1", *given).out)
    assert [entry.get("class") for entry in entries] == ["dark", None]
    assert "not a picture" in entries[1]["error"]
    assert clearprop("predict", "runs/1", "note.jpg").out == ""
    assert clearprop("report", "runs/1").code == 0
    assert ">light<" in (tmp_path / "runs" / "1" / "report.html").read_text("utf-8")
    assert clearprop("train", "--resume", "runs/1", "--epochs", 41, "-q").code == 0
    (tmp_path / "shades" / "dark" / "x.png").write_text("no picture")
    assert "x.png: this is not a picture" in clearprop("train", "shades").err
    shutil.rmtree(tmp_path / "shades" / "light")
    (tmp_path / "shades" / "light").mkdir()
    assert "light holds 0 pictures" in clearprop("train", "shades").err


def test_batches_that_are_normalised_are_never_of_one_row(clearprop, tmp_path):
    rows = "".join(f"{i},{i * i % 7},{i % 5}\n" for i in range(101))
    (tmp_path / "a.csv").write_text(f"a,b,y\n{rows}")
    how = ("train", "a.csv", "--target", "y", "--epochs", 1, "--batch-norm", "-q")
    assert clearprop(*how).code == 0
    run = clearprop(*how, "--batch", 8)
    assert run.code == 2
    assert "81 samples in batches of 8" in run.err
    assert "use batches of 7" in run.err
    assert not (tmp_path / "runs" / "2").exists()


def test_predict_recommends_no_option_that_it_has_not(clearprop, houses):
    assert clearprop("train", "houses.csv", "--target", "price", "--epochs", 1, "-q").code == 0
    (houses.parent / "gap.csv").write_text("district,area\nnorth,\n")
    run = clearprop("predict", "runs/1", "gap.csv")
    assert run.code == 2
    assert "Repair them, or train again and say by missing (--missing) what to do" in run.err
    for language, word in ("zh", "重新训练"), ("ja", "学習し直して"):
        told = clearprop("predict", "runs/1", "gap.csv", "--language", language).err
        assert word in told
        assert "Repair" not in told
    for option in ("--missing", "--nope=3"):
        run = clearprop("predict", "runs/1", "new.csv", option)
        assert run.code == 2
        assert f"clearprop predict has no option {option.partition('=')[0]}; see" in run.err
    told = clearprop("predict", "runs/1", "new.csv", "--outptu=3").err
    assert "did you mean --output?" in told
    shutil.copy("new.csv", "-new.csv")
    assert clearprop("predict", "runs/1", "-new.csv").code == 0


def test_data_that_were_moved_are_asked_for(clearprop, houses):
    assert clearprop("train", "houses.csv", "--target", "price", "--epochs", 1, "-q").code == 0
    houses.rename("elsewhere.csv")
    for command in ("report", "runs/1"), ("train", "--resume", "runs/1", "-q"), ("play", "runs/1"):
        run = clearprop(*command)
        assert run.code == 2
        assert f"{houses}: the data of the run are not there; say with --data where" in run.err
        assert clearprop(*command, "--data", "elsewhere.csv").code == 0
