"""Train functions: one for each kind of step, plain or mixed at one of several points.

Keras compiles each kind by itself, once. The choice between them happens outside of the
compiled step. A branch inside of it would cost much more (`lax.switch` on JAX), and
plain and mixed steps have different numbers of rows.
"""

import functools
import itertools

import keras
import numpy as np

from keras_multimix import namespaces, randomness
from keras_multimix.annotations import State

PLAIN = "plain"


def draw_point(state: State, num_points):
    """Returns the number of the mixing point that a step draws.

    Args:
        state: int32 NumPy array of shape `(3,)`: two key words and the step.
        num_points: How many points there are.
    """
    ops = namespaces.numpy_ops
    first = np.arange(1, dtype="int32")
    words = randomness.random_words(state, randomness.MIXING_POINT, first, ops)
    return int(randomness.uniforms(words, ops)[0] * num_points)


def choose_before_each_step(model, build):
    """Returns a `train_function` that chooses the kind of each step before it runs.

    Args:
        model: A `MixupModel`.
        build: A function that compiles and returns Keras' own `train_function`.
    """
    if keras.backend.backend() == "jax":
        return _choose_by_structure(model, build())
    return _choose_by_function(model, functools.cache(lambda kind: build()))


def _draws_points(model):
    """Whether every step draws one of several points at which it mixes."""
    return model.mixing and len(model.mix_at or ()) > 1


def _choose_by_function(model, function_of):
    """On TensorFlow and PyTorch each kind of step has a function of its own."""

    def one_step(data):
        model.step_kind = model.next_step_kind(model.mixer.random_state)
        return function_of(model.step_kind)(data)

    def train_function(data):
        if model.steps_per_execution == 1 or not _draws_points(model):
            return one_step(data)
        # TensorFlow's own loop over several steps can run one kind only.
        logs = None
        for batch in itertools.islice(data, model.steps_per_execution):
            logs = one_step(iter([batch]))
        if logs is None:
            raise StopIteration
        return logs

    return train_function


def _choose_by_structure(model, function):
    """On JAX the step gets `{kind: batch}`, so each kind has a structure of its own.

    JAX compiles a function once for each structure of its arguments. A function for
    each kind would not do: JAX's cache takes bound methods that compare equal, such as
    Keras' step of one model, for one function.
    """
    state_after_last_step, calls = None, 0

    def train_function(state: State, iterator):
        nonlocal state_after_last_step, calls
        place = [id(v) for v in model.non_trainable_variables].index(
            id(model.mixer.random_state)
        )
        random_state = state[1][place]
        drawn = np.zeros(3, "int32")
        if _draws_points(model):
            # Reading the random state waits until the last step has finished. If it is
            # still the state that the last step returned, its values are known.
            known = random_state is state_after_last_step
            drawn = (calls if known else np.array(random_state)).copy()

        def with_kinds():
            for data in iterator:
                kind = model.next_step_kind(drawn)
                drawn[2] += 1
                yield {kind: data}

        logs, state = function(state, with_kinds())
        if _draws_points(model):
            state_after_last_step, calls = state[1][place], drawn
        return logs, state

    return train_function
