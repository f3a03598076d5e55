"""Options, presets and their errors."""

import pytest

from recipes.shared import options

PRESETS = {"quick": ("minutes", {"epochs": 7}), "paper": ("days", {"epochs": 200})}


def make_parser(presets=None):
    return options.option_parser(
        "toy",
        "A toy.",
        {"erm": "plain", "mixup": "mixed"},
        default_methods=("erm", "mixup"),
        seeds=3,
        epochs=7,
        presets=presets,
    )


def test_defaults(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND")
    parsed = options.parse(make_parser(), [])
    assert parsed.backend == "jax"
    assert parsed.methods == ["erm", "mixup"]
    assert (parsed.seeds, parsed.epochs) == (3, 7)
    assert parsed.output.as_posix() == "runs/toy"


def test_a_preset_leaves_no_trace_of_another():
    presets = {"a": ("", {"epochs": 2, "seeds": 9}), "b": ("", {"epochs": 4})}
    parsed = options.parse(make_parser(presets), ["--preset", "b"], presets)
    assert (parsed.epochs, parsed.seeds) == (4, 3)


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ([], 7),
        (["--preset", "paper"], 200),
        (["--preset", "paper", "--epochs", "5"], 5),
        (["--epochs", "5"], 5),
    ],
)
def test_presets_give_defaults(arguments, epochs):
    assert options.parse(make_parser(PRESETS), arguments, PRESETS).epochs == epochs


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seeds", "0"],
        ["--seeds", "two"],
        ["--epochs", "-1"],
        ["--methods", "magic"],
        ["--backend", "theano"],
        ["--preset", "fast"],
    ],
)
def test_errors_say_what_was_expected_received_and_the_fix(arguments, capsys):
    with pytest.raises(SystemExit):
        options.parse(make_parser(PRESETS), arguments, PRESETS)
    message = capsys.readouterr().err
    assert "Expected" in message
    assert f"Received: {arguments[1]}" in message
    assert "Use, for example" in message or "See --help" in message


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much"])
def test_numbers_must_be_finite_and_not_below_the_lowest(text):
    with pytest.raises(Exception, match=f"Expected a finite.*Received: {text}"):
        options.number_from(0)(text)


def test_numbers_below_one():
    assert [options.below_one(text) for text in ("0", "0.5")] == [0, 0.5]
    for text in ("1", "1.5"):
        with pytest.raises(Exception, match=f"Expected a number below 1.*{text}"):
            options.below_one(text)


def test_rows_or_their_share():
    assert [options.rows_or_share(t) for t in ("0", "100", "0.2")] == [0, 100, 0.2]
    assert isinstance(options.rows_or_share("100"), int)
    with pytest.raises(Exception, match="Expected a number of rows.*Received: 1.5"):
        options.rows_or_share("1.5")


def test_help_describes_methods_and_presets():
    text = make_parser(PRESETS).format_help()
    for line in ("plain", "mixed", "minutes", "days", "default: 7"):
        assert line in text
