"""The losses of a GAN whose discriminator tells how real a mixture is."""

from keras import ops


def cross_entropy(logits, targets):
    """Returns the mean binary cross-entropy of logits against targets in [0, 1].

    Args:
        logits: Tensor of shape `(B,)`.
        targets: The probabilities of being real, of shape `(B,)`.
    """
    # max(s, 0) − s·t + log(1 + exp(−|s|)): no overflow, and a gradient everywhere.
    positive = ops.maximum(logits, 0.0) - logits * targets
    return ops.mean(positive + ops.log1p(ops.exp(-ops.abs(logits))))


def logits_of(outputs, from_logits):
    """Returns the logits of a discriminator's outputs, float32 of shape `(B,)`.

    Args:
        outputs: Tensor of shape `(B, 1)` or `(B,)`.
        from_logits: False if they are probabilities.
    """
    outputs = ops.cast(ops.reshape(outputs, (-1,)), "float32")
    if from_logits:
        return outputs
    probabilities = ops.clip(outputs, 1e-7, 1.0 - 1e-7)
    return ops.log(probabilities) - ops.log1p(-probabilities)


def mixed(real, fake, coefficients):
    """Returns λ·real + (1 − λ)·fake, each row with its own λ.

    Args:
        real: Tensor of shape `(B, ...)`.
        fake: Tensor of the same shape.
        coefficients: λ, of shape `(B,)`.
    """
    shape = (-1,) + (1,) * (len(real.shape) - 1)
    weights = ops.reshape(ops.cast(coefficients, real.dtype), shape)
    # Not `*` and `+`, with which TensorFlow refuses the two dtypes that real and fake
    # rows may have in mixed precision.
    return ops.add(ops.multiply(weights, real), ops.multiply(1.0 - weights, fake))


def discriminator_loss(loss_of, real, fake, coefficients):
    """Returns E l(d(λx + (1 − λ)g(z)), λ), or an ordinary GAN's loss for α = 0.

    In the limit α → 0, λ is 0 or 1 with equal probability, so this loss sees half of
    the real rows and half of the fake rows. The ordinary GAN's loss sees all of them.

    Args:
        loss_of: A function of rows `(B, ...)` and of targets `(B,)`, or one for all
            rows, that returns the discriminator's mean loss.
        real: Tensor of shape `(B, ...)`.
        fake: Tensor of the same shape.
        coefficients: λ, of shape `(B,)`; None for α = 0.
    """
    if coefficients is not None:
        return loss_of(mixed(real, fake, coefficients), coefficients)
    return 0.5 * (loss_of(real, 1.0) + loss_of(fake, 0.0))


def generator_loss(kind, loss_of, real, fake, coefficients):
    """Returns what the generator lowers.

    Args:
        kind: "non_saturating" is l(d(g(z)), 1). "min_max" is the negative of the
            discriminator's loss, as in the paper.
        loss_of: As for `discriminator_loss`.
        real: As for `discriminator_loss`.
        fake: As for `discriminator_loss`.
        coefficients: As for `discriminator_loss`.
    """
    if kind == "min_max":
        return -discriminator_loss(loss_of, real, fake, coefficients)
    return loss_of(fake, 1.0)


def penalties(network):
    """Returns the sum of a network's regularizers and of what its layers added.

    It is that of the network's last call: Keras forgets it when the next one begins.

    Args:
        network: A `keras.Model` that has been called.
    """
    return sum((ops.sum(ops.cast(each, "float32")) for each in network.losses), 0.0)
