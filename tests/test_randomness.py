import keras
import numpy as np
import pytest

from keras_multimix import namespaces, randomness


def namespaces_here():
    return [namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()]


def int32(*values):
    return np.array(values, "uint32").view("int32")


# Known answers of the Random123 distribution for threefry2x32 with 20 rounds.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x1CB996FC, 0xBB002BE7),
    ),
    (
        (0x13198A2E, 0x03707344),
        (0x243F6A88, 0x85A308D3),
        (0xC4923A9C, 0x483DF7A0),
    ),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN_ANSWERS)
def test_threefry_gives_the_known_answers(key, counter, expected):
    for ops in namespaces_here():
        parts = [ops.convert_to_tensor(int32(word)) for word in (*key, *counter)]
        words = randomness.threefry(parts[:2], parts[2:], ops)
        got = [np.array(keras.ops.convert_to_numpy(word)) for word in words]
        np.testing.assert_array_equal(np.concatenate(got), int32(*expected))


def test_key_words_are_the_two_halves_of_a_64_bit_seed():
    np.testing.assert_array_equal(randomness.key_words(5), int32(5, 0))
    np.testing.assert_array_equal(
        randomness.key_words(0x1234567890ABCDEF), int32(0x90ABCDEF, 0x12345678)
    )


def draw(seed, step, stream, count, ops=namespaces.numpy_ops):
    state = np.append(randomness.key_words(seed), step).astype("int32")
    indices = np.arange(count, dtype="int32")
    words = randomness.random_words(
        ops.convert_to_tensor(state), stream, ops.convert_to_tensor(indices), ops
    )
    return np.array(keras.ops.convert_to_numpy(words)), words


def test_words_are_the_same_in_every_namespace():
    expected, _ = draw(11, 7, randomness.COEFFICIENTS, 100)
    for ops in namespaces_here():
        got, words = draw(11, 7, randomness.COEFFICIENTS, 100, ops)
        np.testing.assert_array_equal(got, expected)
        uniforms = keras.ops.convert_to_numpy(randomness.uniforms(words, ops))
        oracle = (expected.view("uint32") >> 8).astype("float64") / 2**24
        np.testing.assert_array_equal(uniforms, oracle.astype("float32"))


def test_uniforms_are_uniform_on_the_half_open_unit_interval():
    _, words = draw(3, 0, randomness.PARTNERS, 200_000)
    uniforms = randomness.uniforms(words, namespaces.numpy_ops)
    assert uniforms.dtype == "float32"
    assert uniforms.min() >= 0.0 and uniforms.max() < 1.0
    # Kolmogorov-Smirnov; 1.95 / sqrt(n) is exceeded by chance once in a thousand.
    knots = np.linspace(0.001, 0.999, 500)
    observed = np.searchsorted(np.sort(uniforms), knots) / len(uniforms)
    assert np.abs(observed - knots).max() < 1.95 / np.sqrt(len(uniforms))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, 0, 0), (2, 0, 0)),  # neighbouring seeds
        ((1, 0, 0), (1 << 32, 0, 0)),  # seeds that differ in their upper half
        ((1, 0, 0), (1, 1, 0)),  # neighbouring steps
        ((1, 0, 0), (1, 0, 1)),  # two streams of a step
    ],
)
def test_streams_are_unrelated(first, second):
    count = 20_000
    uniforms = [
        randomness.uniforms(draw(*which, count)[1], namespaces.numpy_ops)
        for which in (first, second)
    ]
    correlation = np.corrcoef(*uniforms)[0, 1]
    # Its standard deviation is 1 / sqrt(n); four of them, one chance in 16 000.
    assert abs(correlation) < 4 / np.sqrt(count)
    assert not np.isin(uniforms[0][:50], uniforms[1]).sum() > 5  # nor shifted


def test_uniform_integers_keep_the_top_bits():
    words = int32(0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0)
    got = randomness.uniform_integers(words, 4, namespaces.numpy_ops)
    np.testing.assert_array_equal(got, [15, 8, 7, 0])
