"""The partners that a pairing draws, outside of any layer."""

from keras_multimix import pairing, randomness


def partners_of(identifier, state, num_rows, ops):
    pairs = pairing.get(identifier)
    rows = ops.arange(num_rows, dtype="int32")
    words = randomness.words_of_streams(state, pairs.positions(rows, ops), ops)
    return pairs.partners(rows, words, num_rows, ops)
