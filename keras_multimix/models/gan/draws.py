"""What a step of a GAN draws: latent vectors and coefficients."""

import math

from keras import ops

from keras_multimix import coefficients, namespaces, randomness, tracing
from keras_multimix.annotations import State
from keras_multimix.layers import random_state


def draw_calls(variable, num_calls, num_rows, shape, alpha):
    """Draws z and λ for several calls at once, at little more than the cost of one.

    Args:
        variable: The model's random state, which counts the calls.
        num_calls: How many calls to draw for.
        num_rows: B, an integer or a scalar tensor.
        shape: The shape of a latent vector.
        alpha: α of λ ~ Beta(α, α).

    Returns:
        Two lists of tensors, one for each call: latent vectors `(B, *shape)`, and λ of
        shape `(B,)`, or None for α = 0.
    """
    states = [random_state.state_at(variable, None) for _ in range(num_calls)]
    known = isinstance(num_rows, int) and all(map(namespaces.is_array, states))
    array_ops = namespaces.numpy_ops if known else ops
    states = [tracing.convert_to(state, array_ops)[None, :] for state in states]
    states = array_ops.concatenate(states, axis=0)
    state = (states[0, 0], states[0, 1], states[:, 2])
    latents = draw_latents(state, num_rows, shape, array_ops)

    def of_calls(drawn):
        drawn = ops.convert_to_tensor(drawn)
        return [drawn[call] for call in range(num_calls)]

    table = coefficients.quantile_table(alpha)
    if table is None:
        return of_calls(latents), [None] * num_calls
    rows = array_ops.arange(num_rows, dtype="int32")
    rows = array_ops.zeros_like(states[:, :1]) + rows
    drawn = coefficients.sample_coefficients(
        state, rows, table, 1, "independent", array_ops
    )
    return of_calls(latents), of_calls(drawn[..., 0])


def draw_latents(state: State, num_rows, shape, array_ops):
    """Draws standard normal latent vectors for several steps.

    Args:
        state: Two key words and int32 steps of shape `(S,)`.
        num_rows: B.
        shape: The shape of a latent vector.
        array_ops: The namespace of the state and of the result.

    Returns:
        A float32 tensor of shape `(S, B, *shape)`.
    """
    indices = array_ops.arange(num_rows * math.prod(shape), dtype="int32")
    indices = array_ops.zeros_like(state[2])[:, None] + indices
    normals = randomness.normals(state, indices, array_ops)
    return array_ops.reshape(normals, (-1, num_rows, *shape))
