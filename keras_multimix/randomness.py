"""Random numbers that depend on a seed and a step alone, the same on every backend.

Threefry-2x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011)
encrypts a counter under a key. The key is the seed; the counter is made of the step
and the position in the draw, so there is nothing to advance, no draw depends on
another, and neighbouring seeds have unrelated streams. It is made of additions,
rotations and exclusive ors of 32-bit integers, which every backend has.
"""

import functools
import math

import numpy as np

from keras_multimix import namespaces, runtime, tracing
from keras_multimix.annotations import Ops, State

# Each draw of a step takes its numbers from a stream of its own, so that the number
# of rows one needs does not shift another's.
PARTNERS = 0
COEFFICIENTS = 1
BOX_ROWS = 2
BOX_COLUMNS = 3
CALLABLE_PAIRING = 4
MIXING_POINT = 5
CHOICE = 6
NEIGHBORS = 7
RADII = 8
ANGLES = 9
BOX_SLICES = 10

_STREAM_SHIFT = 27  # positions within a stream: 2 ** 27; streams: 2 ** 4
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_BITS_OF_A_UNIFORM = 24  # as many as a float32 holds exactly


def key_words(seed):
    """Returns the two 32-bit words of a seed's key.

    Args:
        seed: A Python integer, 0 or more. The lowest 64 bits count.

    Returns:
        An int32 NumPy array of shape `(2,)`.
    """
    words = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], dtype="uint32")
    return words.view("int32")


def threefry(key, counter, ops: Ops):
    """Encrypts counters with Threefry-2x32, 20 rounds.

    Args:
        key: Two int32 words, scalars of the namespace.
        counter: Two int32 tensors of equal shape.
        ops: The namespace that holds them.

    Returns:
        Two int32 tensors of that shape.
    """
    if ops is not namespaces.numpy_ops and runtime.in_tensorflow_graph():
        return _threefry_in_one_kernel()(key, counter)
    if ops is namespaces.numpy_ops:
        return _threefry_in_place(key, counter)
    return _threefry(key, counter, ops)


@functools.cache
def _threefry_in_one_kernel():
    return tracing.in_one_kernel(_threefry)


def _threefry(key, counter, ops: Ops):
    parity = ops.bitwise_xor(ops.bitwise_xor(key[0], key[1]), _PARITY)
    schedule = (key[0], key[1], parity)
    left, right = counter[0] + schedule[0], counter[1] + schedule[1]
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            left = left + right
            right = ops.bitwise_xor(_rotate(right, bits, ops), left)
        left = left + schedule[(group + 1) % 3]
        right = right + schedule[(group + 2) % 3] + (group + 1)
    return left, right


def _threefry_in_place(key, counter):
    """`_threefry` for NumPy: unsigned words rotate in fewer operations, in place."""
    schedule = [np.asarray(word, "int32").view("uint32") for word in key]
    schedule.append(schedule[0] ^ schedule[1] ^ np.uint32(_PARITY))
    left, right = (
        np.asarray(words, "int32").view("uint32") + word
        for words, word in zip(counter, schedule, strict=False)
    )
    shifted = np.empty_like(right)
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            np.add(left, right, out=left)
            np.left_shift(right, bits, out=shifted)
            np.right_shift(right, 32 - bits, out=right)
            np.bitwise_or(right, shifted, out=right)
            np.bitwise_xor(right, left, out=right)
        left += schedule[(group + 1) % 3]
        right += schedule[(group + 2) % 3] + np.uint32(group + 1)
    return left.view("int32"), right.view("int32")


def random_words(state: State, stream, indices, ops: Ops):
    """Draws the 32-bit words at some positions of one stream.

    Args:
        state: As for `words_of_streams`.
        stream: The stream's number, one of this module's constants.
        indices: int32 tensor of positions, each below 2 ** 27.
        ops: The namespace of `state` and `indices`.

    Returns:
        An int32 tensor shaped like `indices`, uniform over all 32-bit integers.
    """
    return words_of_streams(state, {stream: indices}, ops)[stream]


def words_of_streams(state: State, positions, ops: Ops):
    """Draws the 32-bit words at some positions of several streams.

    One encryption draws all of them, unless they may lie on several devices. Its cost
    is the number of operations, hardly the number of words.

    Args:
        state: int32 tensor of shape `(3,)`: two key words and the step. Or a tuple of
            two key words and an int32 tensor of S steps, for many steps at once.
        positions: A dict stream -> int32 tensor of positions, each below 2 ** 27. For S
            steps axis 0 of each has S entries.
        ops: The namespace of `state` and `positions`.

    Returns:
        A dict stream -> int32 tensor shaped like the positions, uniform over all
        32-bit integers.
    """
    if not positions:
        return {}
    counters = [
        _counters(state[2], stream, indices, ops)
        for stream, indices in positions.items()
    ]
    # Scalars become arrays: NumPy warns when a scalar overflows, as it has to here.
    key = (ops.reshape(state[0], (1,)), ops.reshape(state[1], (1,)))
    if len(counters) == 1 or namespaces.may_be_sharded(ops):
        # Parts of words that lie on several devices would move between them.
        words = [threefry(key, counter, ops)[0] for counter in counters]
    else:
        joined = [ops.concatenate(part, axis=0) for part in zip(*counters, strict=True)]
        words = _split(threefry(key, joined, ops)[0], counters, ops)
    return {
        stream: ops.reshape(own, ops.shape(indices))
        for (stream, indices), own in zip(positions.items(), words, strict=True)
    }


def _split(words, counters, ops: Ops):
    """Returns the words of each of the counters that were encrypted together."""
    parts, start = [], 0
    for first, _ in counters:
        stop = start + ops.shape(first)[0]
        parts.append(words[start:stop])
        start = stop
    return parts


def _counters(steps, stream, indices, ops: Ops):
    """Returns what is encrypted for one stream: two flat int32 tensors."""
    if len(steps.shape):
        steps = ops.reshape(steps, (-1,) + (1,) * (len(indices.shape) - 1))
    first = ops.reshape(indices, (-1,)) + (stream << _STREAM_SHIFT)
    return first, ops.reshape(ops.zeros_like(indices) + steps, (-1,))


def uniform_integers(words, bits, ops: Ops):
    """Returns the top bits of random words, as int32 in [0, 2 ** bits).

    Args:
        words: int32 tensor of random words.
        bits: How many bits to keep, 1 to 31.
        ops: Their namespace.
    """
    return ops.bitwise_and(ops.right_shift(words, 32 - bits), (1 << bits) - 1)


def uniforms(words, ops: Ops):
    """Returns float32 uniforms in [0, 1), exact multiples of 2 ** -24.

    Args:
        words: int32 tensor of random words.
        ops: Their namespace.
    """
    integers = uniform_integers(words, _BITS_OF_A_UNIFORM, ops)
    return ops.cast(integers, "float32") * (2.0**-_BITS_OF_A_UNIFORM)


def normals(state: State, indices, ops: Ops):
    """Returns float32 standard normals, by the transform of Box and Muller (1958).

    Args:
        state: As for `words_of_streams`.
        indices: int32 tensor of positions, each below 2 ** 27.
        ops: The namespace of `state` and `indices`.

    Returns:
        A float32 tensor shaped like `indices`, at most 5.9 in magnitude.
    """
    words = words_of_streams(state, dict.fromkeys((RADII, ANGLES), indices), ops)
    first, second = (uniforms(words[stream], ops) for stream in (RADII, ANGLES))
    # 1 − u is never 0, of which there is no logarithm.
    return ops.sqrt(-2.0 * ops.log(1.0 - first)) * ops.cos(2.0 * math.pi * second)


def _rotate(x, bits, ops: Ops):
    """Rotates int32 words to the left."""
    # The right shift of a signed word drags its sign along; the mask takes it away.
    low = ops.bitwise_and(ops.right_shift(x, 32 - bits), (1 << bits) - 1)
    return ops.bitwise_xor(ops.left_shift(x, bits), low)
