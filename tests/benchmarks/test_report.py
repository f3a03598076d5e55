"""The tables, the figure and whole runs of the benchmarks, small."""

import json

import keras
import pytest

from benchmarks import __main__ as command
from benchmarks import by_hand, calls, compare, mixing, peers, report
from keras_multimix import batches

ROW = {"section": "batches", "mode": "jit", "case": "16×8×8×3", "what": "B = 16"}
ROW |= {"median": 1.2, "low": 1.1, "high": 1.4, "rounds": 3, "goal": None}


def test_cells_say_whether_a_goal_is_met():
    assert report.cells(ROW)[3:] == ("1.20", "1.10 to 1.40", "", "", "")
    assert report.cells(ROW | {"goal": 1.25})[5:] == ("≤ 1.25", "met", "")
    assert report.cells(ROW | {"goal": 1.15})[5:] == ("≤ 1.15", "missed", "")
    assert report.cells(ROW | {"old": 1.5})[7:] == ("1.50",)


def test_the_figure_shows_what_was_measured():
    figure = report.draw([ROW, ROW | {"what": "B = 64", "median": 1.0}], "jax")
    (line, _) = figure.axes[2].lines  # the other one is at 1
    assert list(line.get_xdata()) == [16, 64] and list(line.get_ydata()) == [1.2, 1.0]
    assert report.draw([ROW | {"section": "startup"}], "jax") is None


def test_the_command_measures_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mixing, "LARGE", (4, 8, 8, 3))
    monkeypatch.setattr(mixing, "SMALL", (2, 4, 4, 3))
    monkeypatch.setattr(mixing, "modes", lambda real=mixing.modes: real()[:1])
    backend = keras.backend.backend()
    arguments = ["--backend", backend, "--rounds", "2", "--output", str(tmp_path)]
    found = command.main([*arguments, "--only", "mixing", "draws"])
    assert {row["section"] for row in found["rows"]} == {"mixing", "draws"}
    assert all(0 < row["low"] <= row["median"] <= row["high"] for row in found["rows"])
    path = tmp_path / f"speed_{backend}.json"
    assert json.loads(path.read_text(encoding="utf-8")) == found
    assert path.with_suffix(".png").exists()
    assert "MixUp, shuffle" in capsys.readouterr().out


def test_lines_by_hand_and_calls_are_compared(monkeypatch):
    monkeypatch.setattr(by_hand, "SHAPE", (4, 5, 5, 3))
    monkeypatch.setattr(by_hand, "TURNS", 1)
    rows, _ = by_hand.by_hand(2)
    assert {row["mode"] for row in rows} > {"NumPy"}
    assert all(0 < row["low"] <= row["median"] <= row["high"] for row in rows)
    monkeypatch.setattr(calls, "SHAPE", (4, 5, 5, 3))
    rows, _ = calls.calls(1)
    goals = {row["what"]: row["goal"] for row in rows if row["goal"]}
    assert goals == {
        "MixUp()(x, y): calls": 150,
        "MixUp()(x, y): changes": 45,
        "MixUp()(x, y): frames": 10,
    }


def test_calls_are_counted_with_their_files_and_frames():
    # `same_shape` goes through a generator: two shapes, two steps of it and its end.
    found = calls.count(lambda: batches.same_shape((1, 2), (1, 2)))
    assert found == calls.Counts(4, 1, 1, 0)


def test_a_second_run_replaces_the_sections_that_it_measures(tmp_path, monkeypatch):
    def section(name, median):
        row = ROW | {"section": name, "median": median}
        return lambda: lambda rounds: ([row], ["a note"])

    backend = keras.backend.backend()
    arguments = ["--backend", backend, "--output", str(tmp_path)]
    for median in (1.0, 2.0):
        for name in command.SECTIONS:
            monkeypatch.setitem(command.SECTIONS, name, section(name, median))
        only = [] if median == 1.0 else ["--only", "steps", "mixing"]
        found = command.main([*arguments, *only])
    assert [row["section"] for row in found["rows"]] == list(command.SECTIONS)
    again = [row["section"] for row in found["rows"] if row["median"] == 2.0]
    assert again == ["mixing", "steps"] and found["notes"]["late"] == ["a note"]


def test_backends_side_by_side(tmp_path, capsys):
    step = {"section": "steps", "mode": "fit", "what": "K = 1", "goal": 1.02}
    written = []
    for backend, mode, median in (("jax", "jit", 1.5), ("torch", "eager", 2.5)):
        path = tmp_path / f"speed_{backend}.json"
        rows = [ROW | {"mode": mode, "median": median}, ROW | step]
        path.write_text(json.dumps({"backend": backend, "rows": rows}))
        written.append(str(path))
    compare.main([*written, "--figures"])
    assert (tmp_path / "speed_jax.png").exists()
    batches, steps = capsys.readouterr().out.split("\n\n")
    heading, _, line = batches.splitlines()
    assert heading.split(" | ")[1:] == ["jax jit", "torch eager |"]
    assert report.TITLES["batches"] in heading
    assert line.count("1.50 (1.10 to 1.40)") == line.count("2.50 (") == 1
    heading, _, line = steps.splitlines()
    assert heading.split(" | ")[1:] == ["jax", "torch |"]
    assert line.count("1.20 (1.10 to 1.40) > 1.02") == 2


def test_nothing_to_compare_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "MEASURED", tmp_path)
    with pytest.raises(SystemExit):
        compare.main([])
    assert "Received: none" in capsys.readouterr().err


def test_a_peer_that_is_not_there_is_named(monkeypatch):
    def missing():
        raise ImportError("No module named 'peer'")

    everywhere = (keras.backend.backend(),)
    monkeypatch.setattr(peers, "_PEERS", {"peer": (everywhere, missing)})
    assert peers.peers("jit") == ({}, {"peer": "ImportError: No module named 'peer'"})


def test_an_unknown_section_is_answered_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        command.parse_options(["--only", "speed"])
    assert "startup" in capsys.readouterr().err
