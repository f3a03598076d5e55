"""Which layers a model can be mixed after, and what is said of the others."""

import keras
import pytest

from keras_multimix import MixUp, MixupModel
from keras_multimix.models.mixup import cut_points
from tests import helpers


def residual(name=None):
    inputs = keras.Input((4,), name="x")
    x = keras.layers.Dense(4, name="below")(inputs)
    y = keras.layers.Dense(4, name="inside")(x)
    x = keras.layers.Add(name="sum")([x, y])
    return keras.Model(inputs, keras.layers.Dense(3, name="top")(x), name=name)


def cuts(model):
    return [path for path, _, problem in cut_points._places(model) if problem is None]


def test_a_skip_connection_passes_layers_by():
    assert cuts(residual()) == ["below", "sum", "top"]


def test_operators_count_as_layers():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, name="below")(inputs)
    total = x + keras.layers.Dense(4, name="inside")(x)
    model = keras.Model(inputs, keras.layers.Dense(3, name="top")(total))
    names = cuts(model)
    assert names[0] == "below" and names[2] == "top" and "inside" not in names


def test_several_inputs_and_outputs():
    first, second = keras.Input((4,)), keras.Input((4,))
    a = keras.layers.Dense(4, name="a")(first)
    b = keras.layers.Dense(4, name="b")(second)
    both = keras.layers.Concatenate(name="both")([a, b])
    outputs = [keras.layers.Dense(1, name=name)(both) for name in ("left", "right")]
    assert cuts(keras.Model([first, second], outputs)) == ["both"]


def test_a_layer_called_twice_is_no_cut():
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, name="shared")
    x = keras.layers.Dense(4, name="between")(shared(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, name="top")(shared(x)))
    assert cuts(model) == ["between", "top"]
    with pytest.raises(ValueError, match="'shared', which the model calls 2 times"):
        MixupModel(model, MixUp(), mix_at=["shared"])


def test_a_layer_that_other_models_use_too():
    model = residual()
    keras.Model(model.inputs, model.get_layer("sum").output)
    keras.layers.Dense(2)(model.get_layer("below")(keras.Input((4,))))
    assert cuts(model) == ["below", "sum", "top"]


def test_nested_models():
    inputs = keras.Input((4,))
    inner = residual("inner")(keras.layers.Dense(4, name="before")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="after")(inner))
    expected = ["before", "inner", "inner/below", "inner/sum", "inner/top", "after"]
    assert cuts(model) == expected
    chain = keras.Sequential([residual("inner"), keras.layers.Dense(2, name="after")])
    assert cuts(chain) == expected[1:]
    assert cut_points.find(model, "sum").operation.name == "sum"
    assert cut_points.find(model, "inner/sum").operation.name == "sum"


def test_one_name_in_two_nested_models_needs_its_path():
    inputs = keras.Input((4,))
    x = residual("first")(inputs)
    x = residual("second")(keras.layers.Dense(4)(x))
    model = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="several layers.*'first/sum'"):
        MixupModel(model, MixUp(), mix_at=["sum"])
    MixupModel(model, MixUp(), mix_at=["second/sum"])


def test_a_connection_around_a_nested_model():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3)(inputs) + residual("inner")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="top")(x))
    assert [path for path in cuts(model) if path.startswith("inner")] == []


def test_a_recurrent_net_takes_its_mask_from_below():
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True, name="embedding")(tokens)
    x = keras.layers.LSTM(4, return_sequences=True, name="first")(x)
    model = keras.Model(tokens, keras.layers.LSTM(4, name="second")(x))
    assert [n for n in cuts(model) if n in ("embedding", "first", "second")] == [
        "embedding",
        "first",
        "second",
    ]
    takers = [
        [taker.name for taker, _ in cut_points.find(model, name).mask_takers]
        for name in ("embedding", "first", "second")
    ]
    assert [sorted(each) for each in takers] == [["first", "second"], ["second"], []]


class Masked(keras.layers.Layer):
    """Takes masks under several names."""

    def call(self, x, attention_mask=None, key_padding_mask=None, own_mask=None):
        return x


def masked_model(name, dtype):
    """The mask comes from below `"embedding"`, and another one from above it."""
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(9, 4, name="embedding")(tokens)
    mask = keras.ops.cast(tokens > 0, dtype)
    own = keras.ops.sum(x, axis=-1) > 0
    x = Masked(name="masked")(x, own_mask=own, **{name: mask})
    return keras.Model(tokens, keras.layers.Dense(1)(x))


@pytest.mark.parametrize("dtype", ["bool", "int32"])
def test_only_the_masks_from_below_are_mixed(dtype):
    cut = cut_points.find(masked_model("attention_mask", dtype), "embedding")
    takers = [(taker.name, names) for taker, names in cut.mask_takers]
    assert takers == [("masked", {"attention_mask"})]


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("attention_mask", "float32", "a mask of floats passes by"),
        ("attention_mask", "float16", "a mask of floats passes by"),
        ("key_padding_mask", "bool", "a connection passes by"),
    ],
)
def test_masks_that_nobody_can_mix_are_refused(name, dtype, message):
    with pytest.raises(ValueError, match=message) as error:
        MixupModel(masked_model(name, dtype), MixUp(), mix_at=["embedding"])
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("name", ["nope", "inside", "x", ""])
def test_other_names_are_refused_with_those_that_would_do(name):
    with pytest.raises(ValueError) as error:
        MixupModel(residual(), MixUp(), mix_at=["input", name])
    assert "choose from 'input', 'below', 'sum', 'top'" in str(error.value)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize(
    "mix_at", ["below", [], [3], ["sum", "sum"], {"sum": 1}, 2, [None]]
)
def test_bad_lists(mix_at):
    with pytest.raises(ValueError, match="`mix_at`.*a list of different names"):
        MixupModel(residual(), MixUp(), mix_at=mix_at)


def test_layers_stand_for_their_names():
    inner = residual("inner")
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(3, name="top")(inner(inputs))
    model = keras.Model(inputs, outputs)
    mixed = MixupModel(model, MixUp(), ["input", inner.layers[-1], model.layers[-1]])
    assert mixed.mix_at == ("input", "inner/top", "top")
    same = MixupModel.from_config(mixed.get_config())
    assert same.mix_at == mixed.mix_at
    with pytest.raises(ValueError, match="no part of it.*'top'") as error:
        MixupModel(model, MixUp(), [keras.layers.Dense(3)])
    helpers.assert_three_parts(error)


def test_a_layer_of_a_common_name_stands_for_its_path():
    first, second = residual("first"), residual("second")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, second(keras.layers.Dense(4)(first(inputs))))
    for inner in (first, second):
        place = inner.layers[-1]
        assert MixupModel(model, MixUp(), [place]).mix_at == (
            f"{inner.name}/{place.name}",
        )


def test_a_subclassed_model_has_no_graph():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3, name="dense")

        def call(self, x):
            return self.dense(x)

    with pytest.raises(ValueError, match="functional API"):
        MixupModel(Subclassed(), MixUp(), mix_at=["dense"])
    MixupModel(Subclassed(), MixUp(), mix_at=["input"])


def test_long_lists_are_cut():
    chain = keras.Sequential(
        [keras.Input((2,))] + [keras.layers.Dense(2, name=f"d{i}") for i in range(60)]
    )
    with pytest.raises(ValueError, match="'d39', and 20 more"):
        MixupModel(chain, MixUp(), mix_at=["nope"])
