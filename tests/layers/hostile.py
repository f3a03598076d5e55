"""Arguments and batches of all kinds, good and bad, and what has to hold for each."""

import keras
import numpy as np
from hypothesis import strategies as st

from keras_multimix import CutMix, MixUp, MultiMix
from keras_multimix.pairing import SimilarLabels
from tests import helpers, oracle

LAYERS = {"mix_up": MixUp, "multi_mix": MultiMix, "cut_mix": CutMix}


def partners_from(result):
    """A callable pairing that returns the same whatever it is given."""
    return lambda x, y, seed: result(len(keras.tree.flatten(x)[0]))


PAIRINGS = {
    "next row": partners_from(lambda n: np.arange(1, n + 1) % max(n, 1)),
    "no row": partners_from(lambda n: np.full(n, n)),
    "a row below 0": partners_from(lambda n: np.full(n, -1)),
    "floats": partners_from(lambda n: np.zeros(n)),
    "a list": partners_from(lambda n: list(range(n))),
    "too few": partners_from(lambda n: np.zeros(max(n - 1, 0), "int32")),
    "nothing": partners_from(lambda n: None),
}
GOOD = ("shuffle", "roll", "mirror", "same_class", "neighbors", SimilarLabels(0.5))
DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool")


def rarely(strategy, bad):
    """Mostly what is right, so that not every case fails at its first argument."""
    return st.integers(0, 19).flatmap(lambda n: strategy if n else st.sampled_from(bad))


ARGUMENTS = st.fixed_dictionaries(
    {
        "alpha": rarely(
            st.sampled_from([0, 0.001, 0.2, 1, 8.0, 100]),
            [-1, np.nan, np.inf, None, "1", True, 10**400],
        ),
        "num_interpolations": rarely(st.integers(1, 6), [0, -1, 1.5, None, "2", 2**40]),
        "sampling": rarely(
            st.sampled_from(["independent", "stratified", "shared"]), ["all", None, 3]
        ),
        "pairing": st.one_of(
            st.sampled_from(GOOD),
            rarely(st.sampled_from(GOOD), [*PAIRINGS, "all", None, 3]),
        ),
        "mix_labels": rarely(st.booleans(), [None, 1]),
        "num_classes": rarely(st.sampled_from([3, None]), [0, -1, 1, 2.5, 2**40]),
        "keep_batch_size": rarely(st.booleans(), [None, 1]),
        "seed": rarely(st.integers(0, 2**64 - 1), [-1, 2**64, 1.5, "a"]),
    }
)
SIZES = st.sampled_from([1, 2, 3, 4, 1, 2, 3, 4, 0])
ROWS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 0])


@st.composite
def leaves(draw, rows, kinds=DTYPES):
    """An array of a batch; now and then one that has no place there."""
    rows = draw(rarely(st.just(rows), [rows + 1, None]))
    shape = tuple(draw(st.lists(SIZES, max_size=4)))
    shape = shape if rows is None else (rows, *shape)
    dtype = draw(rarely(st.sampled_from(kinds), ["str", "object", "complex64"]))
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(size=shape)
    if dtype == "str":
        return np.full(shape, "a")
    if dtype == "object":
        return np.full(shape, None)
    if "int" in dtype or dtype == "bool":
        values = np.abs(values * 2) % 3
    values = values.astype(dtype)
    odd = [np.nan, np.inf, -np.inf, 6e4]
    extreme = draw(st.sampled_from([None] * 12 + odd))
    if extreme is not None and values.size and dtype.startswith("float"):
        values[draw(st.integers(0, len(values) - 1)) if shape else ()] = extreme
    return values


@st.composite
def images(draw, rows):
    """A batch of images of one size, as `CutMix` wants it."""
    shape = (rows, *(draw(st.integers(1, 5)) for _ in range(2)))
    shape += tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.normal(size=shape).astype(draw(st.sampled_from(DTYPES[:4])))


@st.composite
def batches(draw):
    """What a caller may pass: a batch in any of its forms, or nonsense."""
    rows = draw(ROWS)
    image = draw(st.booleans())
    one = images(rows) if image else leaves(rows)
    x = draw(one)
    if draw(st.integers(0, 3)) == 0:
        x = {"a": x, "b": (draw(leaves(rows)), None)}
    classes = np.random.default_rng(rows).integers(0, 3, rows)
    label = st.one_of(
        st.just(classes), st.just(np.eye(3)[classes]), leaves(rows), st.just(classes)
    )
    y = draw(label)
    weights = np.linspace(0, 2, rows, dtype="float32")
    form = draw(st.integers(0, 7))
    if form == 0:
        return x if not isinstance(x, dict) else (x,)
    if form == 1:
        return (x, y, weights)
    if form == 2:
        parts = {"images": x, "labels": y, "sample_weights": draw(leaves(rows))}
        if image and not isinstance(x, dict):
            parts["segmentation_masks"] = np.zeros(x.shape[:3], "uint8")
        return parts
    if form == 3:
        return draw(
            st.sampled_from([None, 1.5, "x", [], (), {}, [x, y], (None, y), (x, None)])
        )
    return (x, y)


STEPS = rarely(st.integers(0, 2**31 - 1), [None, None, -1, 1.5, "a", 2**31, True])


def check(name, arguments, data, step, as_tensors=False):
    """Mixes a batch, if it is taken, and checks all that has to hold.

    Args:
        name: Of one of `LAYERS`.
        arguments: The layer's.
        data: The batch.
        step: The number of the draw, or None.
        as_tensors: True hands the backend's tensors over.

    Returns:
        "arguments refused", "batch refused" or "mixed".

    Raises:
        AssertionError: If something does not hold; any other error is one too.
    """
    arguments = arguments | {
        "pairing": PAIRINGS.get(arguments["pairing"], arguments["pairing"])
    }
    try:
        layer = LAYERS[name](**arguments)
    except ValueError as error:
        assert helpers.is_refusal(error), error
        return "arguments refused"
    given = _tensors(data) if as_tensors else data
    kept = [np.array(leaf) for leaf in _arrays(data)]
    before = helpers.state(layer)
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            mixed = layer(given, step=step)
    except ValueError as error:
        assert helpers.is_refusal(error), error
        assert helpers.state(layer) == before
        return "batch refused"
    finally:
        for leaf, copy in zip(_arrays(data), kept, strict=True):
            np.testing.assert_array_equal(leaf, copy)
    after = before[:2] + [before[2] + (step is None)]
    assert helpers.state(layer) == after
    step = before[2] if step is None else step
    drawn = helpers.in_numpy(layer.get_random_transformation(given, step=step))
    with np.errstate(invalid="ignore", over="ignore"):
        replayed = layer.apply(given, drawn)
    keras.tree.assert_same_structure(mixed, data)
    mixed, replayed = helpers.in_numpy(mixed), helpers.in_numpy(replayed)
    for one, other in zip(_arrays(mixed), _arrays(replayed), strict=True):
        np.testing.assert_array_equal(one, other)
    _check_values(name, layer, data, mixed, drawn)
    return "mixed"


def _check_values(name, layer, data, mixed, drawn):
    rows = len(_arrays(data)[0])
    count = layer.num_interpolations
    pairs = max(1, rows // count) if layer.keep_batch_size and rows else rows
    partner, weights = drawn["partner"], drawn["coefficients"][:pairs]
    assert partner.shape == (rows,) and drawn["coefficients"].shape == (rows, count)
    assert ((partner >= 0) & (partner < rows)).all()
    assert ((weights >= 0) & (weights <= 1)).all()
    assert (np.diff(weights, axis=1) <= 0).all()
    parts = _parts(data), _parts(mixed)
    sample_weights = [leaf for kind, leaf in parts[0] if kind == "weight"]
    for (kind, leaf), (_, result) in zip(*parts, strict=True):
        assert len(result) == pairs * count
        λ = weights
        if kind != "input" and not layer.mix_labels:
            λ = (weights >= 0.5).astype("float32")
        if kind in ("label", "mask") and _are_classes(leaf, result, layer.num_classes):
            leaf = _one_hot(leaf, result, layer.num_classes)
            np.testing.assert_allclose(result.sum(axis=-1), 1, atol=1e-5)
        leaf = leaf.astype("complex128" if leaf.dtype.kind == "c" else "float64")
        assert result.shape[1:] == leaf.shape[1:]
        own = np.repeat(leaf[:pairs], count, axis=0)
        other = np.repeat(leaf[partner[:pairs]], count, axis=0)
        cut = name == "cut_mix" and (kind in ("input", "mask") or result.ndim > 2)
        if cut and not (kind == "label" and leaf.ndim < 4):
            lost = np.isnan(result) & (np.isnan(own) | np.isnan(other))
            assert ((result == own) | (result == other) | lost).all()
            continue
        λ = λ.reshape(-1, *(1,) * (leaf.ndim - 1))
        with np.errstate(invalid="ignore", over="ignore"):
            expected = λ * own + (1 - λ) * other
            if kind in ("label", "mask") and sample_weights:
                expected = oracle.interpolate_labels(
                    leaf, sample_weights[0], partner, λ.reshape(-1, count)
                )
            scale = np.maximum(np.abs(own), np.abs(other))
        rough = 2e-3 if result.dtype == "float16" else 1e-5
        sure = np.isfinite(own) & np.isfinite(other)
        difference = np.abs(result[sure] - expected[sure])
        assert (difference <= rough * (scale[sure] + 1e-3)).all()
        # What is not finite comes from a parent that is not.
        assert np.isfinite(result[sure]).all()


def _are_classes(leaf, result, num_classes):
    if leaf.dtype.kind in "iu" or num_classes is None:
        return leaf.dtype.kind in "iu"
    return leaf.ndim < 2 or leaf.shape[-1] != num_classes or result.ndim > leaf.ndim


def _one_hot(leaf, result, num_classes):
    classes = leaf
    if leaf.ndim >= 2 and leaf.shape[-1] == 1 and result.ndim == leaf.ndim:
        classes = leaf[..., 0]
    return oracle.one_hot(classes.astype("int64"), num_classes)


def _parts(data):
    """Pairs of a kind, "input", "label", "mask" or "weight", and an array."""
    if isinstance(data, dict):
        kinds = {"labels": "label", "sample_weights": "weight"}
        kinds["segmentation_masks"] = "mask"
        groups = [(kinds.get(key, "input"), value) for key, value in data.items()]
    elif isinstance(data, (tuple, list)):
        groups = list(zip(("input", "label", "weight"), data, strict=False))
    else:
        groups = [("input", data)]
    return [(kind, leaf) for kind, part in groups for leaf in _arrays(part)]


def _arrays(structure):
    leaves = keras.tree.flatten(structure)
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]


def _tensors(structure):
    def convert(leaf):
        plain = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub"
        return keras.ops.convert_to_tensor(leaf) if plain else leaf

    return keras.tree.map_structure(convert, structure)


CASES = {
    "name": st.sampled_from(sorted(LAYERS)),
    "arguments": ARGUMENTS,
    "data": batches(),
    "step": STEPS,
}
