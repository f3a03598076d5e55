"""Which kind of training step comes next: plain, or mixed at one of several points.

Each kind is compiled by itself, once, and chosen outside of the compiled step. A
branch inside it would cost much more (`lax.switch` on JAX), and mixed and plain
steps have different numbers of rows.
"""

import functools
import itertools

import keras
import numpy as np

from keras_multimix import namespaces, randomness

PLAIN = "plain"


def draw_point(state, num_points):
    """Returns the number of the mixing point that a step draws.

    Args:
        state: int32 NumPy array of shape `(3,)`: two key words and the step.
        num_points: How many there are.
    """
    ops = namespaces.numpy_ops
    first = np.arange(1, dtype="int32")
    words = randomness.random_words(state, randomness.MIXING_POINT, first, ops)
    return int(randomness.uniforms(words, ops)[0] * num_points)


def choosing(model, build):
    """Returns a model's `train_function`, which chooses before every step.

    Args:
        model: A `MixupModel`.
        build: A function that compiles and returns Keras' own `train_function`.
    """
    if keras.backend.backend() == "jax":
        return _choosing_by_structure(model, build())
    return _choosing_by_function(model, functools.cache(lambda kind: build()))


def _choosing_by_function(model, function_of):
    """TensorFlow and PyTorch: each kind has a function of its own."""

    def one_step(data):
        model.step_kind = model.next_step_kind(model.mixer.random_state)
        return function_of(model.step_kind)(data)

    def train_function(data):
        if model.steps_per_execution == 1 or not model.draws_mixing_points:
            return one_step(data)
        # TensorFlow's own loop over several steps holds one kind only.
        logs = None
        for batch in itertools.islice(data, model.steps_per_execution):
            logs = one_step(iter([batch]))
        if logs is None:
            raise StopIteration
        return logs

    return train_function


def _choosing_by_structure(model, function):
    """JAX: the structure of a step's batch names its kind, `{kind: batch}`."""
    after_last, calls = None, 0

    def train_function(state, iterator):
        nonlocal after_last, calls
        place = [id(v) for v in model.non_trainable_variables].index(
            id(model.mixer.random_state)
        )
        before = state[1][place]
        drawn = np.zeros(3, "int32")
        if model.draws_mixing_points:
            # Reading waits for the last step; its own output has counted its calls.
            drawn = np.array(before) if before is not after_last else calls
            drawn = drawn.copy()

        def named():
            for data in iterator:
                kind = model.next_step_kind(drawn)
                drawn[2] += 1
                yield {kind: data}

        logs, state = function(state, named())
        if model.draws_mixing_points:
            after_last, calls = state[1][place], drawn
        return logs, state

    return train_function
