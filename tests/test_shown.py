"""What `repr` and `summary` say of layers and models."""

import keras
import numpy as np
import pytest

from keras_multimix import (
    CutMix,
    MixUp,
    MixupGAN,
    MixupModel,
    MultiMix,
    RandomMix,
    RegMixup,
    pairing,
)


def next_row(x, y, seed):
    return (np.arange(len(x)) + 1) % len(x)


class MyMix(MixUp):
    """A user's own: another default, and one more argument."""

    def __init__(self, alpha=0.3, *, strength=1, **kwargs):
        super().__init__(alpha, **kwargs)
        self.strength = strength


LAYERS = {
    "MixUp(alpha=1.0, seed=3)": lambda: MixUp(seed=3),
    "MixUp(alpha=0.2, num_classes=10, seed=3)": lambda: MixUp(
        0.2, num_classes=10, sampling="independent", name="mine", seed=3
    ),
    "MixUp(alpha=1.0, num_classes={'a': 3, 'b': None}, unmixed={'c': 'own'}, seed=3)": (
        lambda: MixUp(num_classes={"a": 3, "b": None}, unmixed={"c": "own"}, seed=3)
    ),
    "MixUp(alpha=0.0, pairing='mirror', keep_batch_size=True, seed=3)": lambda: MixUp(
        0, pairing="mirror", keep_batch_size=True, seed=3
    ),
    "MixUp(alpha=1.0, pairing=SimilarLabels(0.5), seed=3)": lambda: MixUp(
        pairing=pairing.SimilarLabels(0.5), seed=3
    ),
    "MultiMix(alpha=1.0, seed=3)": lambda: MultiMix(seed=3),
    "MultiMix(alpha=1.0, num_interpolations=2, sampling='shared', seed=3)": (
        lambda: MultiMix(1.0, 2, sampling="shared", seed=3)
    ),
    "RegMixup(alpha=10.0, seed=3)": lambda: RegMixup(seed=3),
    "RegMixup(alpha=20.0, keep_originals=False, seed=3)": lambda: RegMixup(
        20, keep_originals=False, seed=3
    ),
    "CutMix(alpha=1.0, axes=(1,), data_format='channels_first', seed=3)": (
        lambda: CutMix(axes=[1], data_format="channels_first", seed=3)
    ),
    "MixUp(alpha=1.0, seed=3, dtype='float16')": lambda: MixUp(seed=3, dtype="float16"),
    "RandomMix(layers=[MixUp(alpha=0.8, seed=1), CutMix(alpha=1.0, seed=2)], "
    "probabilities=[0.5, 0.4], per='row', seed=3)": lambda: RandomMix(
        [MixUp(0.8, seed=1), CutMix(seed=2)], [0.5, 0.4], per="row", seed=3
    ),
    "MyMix(alpha=0.3, strength=2, seed=3)": lambda: MyMix(strength=2, seed=3),
}


@pytest.mark.parametrize("text", LAYERS)
def test_a_layer_shows_what_differs_from_the_defaults_and_alpha(text):
    assert repr(LAYERS[text]()) == str(LAYERS[text]()) == text


@pytest.mark.parametrize("text", LAYERS)
def test_what_is_shown_makes_the_layer_again(text):
    layer = LAYERS[text]()
    again = eval(text, {**globals(), "SimilarLabels": pairing.SimilarLabels})
    apart = {"name", "layers"}  # those of a RandomMix are configs, with names in them
    expected, received = layer.get_config(), again.get_config()
    assert {k: v for k, v in received.items() if k not in apart} == {
        k: v for k, v in expected.items() if k not in apart
    }


def test_a_function_is_shown_by_its_name_and_a_drawn_seed_by_its_number():
    layer = MixUp(pairing=next_row)
    assert repr(layer) == f"MixUp(alpha=1.0, pairing=next_row, seed={layer.seed})"


def test_what_keras_is_set_to_is_left_out(dtype_policy):
    layer = MixUp(seed=3)
    dtype_policy("mixed_float16")
    assert repr(layer) == "MixUp(alpha=1.0, seed=3, dtype='float32')"
    assert repr(MixUp(seed=3)) == "MixUp(alpha=1.0, seed=3)"


def test_a_layer_that_is_not_finished_can_be_shown():
    assert repr(MixUp.__new__(MixUp)) == "MixUp()"


def small_model(name="small"):
    layers = [keras.Input((4,)), keras.layers.Dense(3, name="hidden")]
    return keras.Sequential([*layers, keras.layers.Dense(2)], name=name)


def test_models_show_what_they_wrap():
    base = small_model()
    shown = "base_model=<Sequential name=small, built=True>"
    mixer = MultiMix(0.4, seed=3)
    assert repr(MixupModel(base, mixer)) == (
        f"MixupModel({shown}, mixer=MultiMix(alpha=0.4, seed=3))"
    )
    model = MixupModel(base, mixer, mix_at=["hidden"], interpolations_at_once=1)
    assert repr(model).endswith(", mix_at=('hidden',), interpolations_at_once=1)")
    judge = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="judge")
    assert repr(MixupGAN(base, judge, seed=3)) == (
        "MixupGAN(generator=<Sequential name=small, built=True>, "
        "discriminator=<Sequential name=judge, built=True>, alpha=0.2, seed=3)"
    )


def summary(model, **arguments):
    """What `summary` prints of the base model, and after it."""
    texts = []
    model.summary(print_fn=texts.append, **arguments)
    of_base, of_mixing = texts
    return of_base, of_mixing.splitlines()


def test_summary_is_the_base_models_and_says_how_it_mixes():
    base = small_model()
    model = MixupModel(base, MultiMix(0.4, seed=3), name="mixed")
    for arguments in ({}, {"line_length": 100, "show_trainable": True}):
        expected = []
        base.summary(print_fn=expected.append, **arguments)
        of_base, of_mixing = summary(model, **arguments)
        assert [of_base] == expected
        assert of_mixing == [
            'Trained on mixed batches by: MixupModel "mixed"',
            " Mixer: MultiMix(alpha=0.4, seed=3)",
            " Mixes at: input",
            " Mixed rows of a pair: 5, all at once",
        ]


def test_summary_names_the_points_the_parts_and_the_optimizer():
    model = MixupModel(
        small_model(),
        MultiMix(0.4, 4, seed=3),
        mix_at=["input", "hidden"],
        interpolations_at_once=2,
    )
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    model.optimizer.build(model.trainable_variables)
    numbers = sum(np.prod(v.shape, dtype=int) for v in model.optimizer.variables)
    assert summary(model)[1][2:] == [
        " Mixes at: one of input, hidden each step",
        " Mixed rows of a pair: 4, 2 at a time",
        f" Optimizer params: {numbers}",
    ]


def test_summary_prints_unless_keras_is_to_be_silent(capsys):
    model = MixupModel(small_model(), MixUp(seed=3))
    model.summary()
    printed = capsys.readouterr().out
    assert printed.index("hidden (Dense)") < printed.index("MixUp(alpha=1.0, seed=3)")
    keras.config.disable_interactive_logging()
    try:
        model.summary()
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
