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


def discriminator_loss(logits_of, real, fake, coefficients):
    """Returns E l(d(λx + (1 − λ)g(z)), λ), or an ordinary GAN's loss for α = 0.

    In the limit α → 0, λ is 0 or 1 with equal probability, so this loss sees half of
    the real rows and half of the fake rows. The ordinary GAN's loss sees all of them.

    Args:
        logits_of: A function of rows `(B, ...)` that returns logits `(B,)`.
        real: Tensor of shape `(B, ...)`.
        fake: Tensor of the same shape.
        coefficients: λ, of shape `(B,)`; None for α = 0.
    """
    if coefficients is not None:
        return cross_entropy(logits_of(mixed(real, fake, coefficients)), coefficients)
    of_real, of_fake = logits_of(real), logits_of(fake)
    parts = cross_entropy(of_real, 1.0), cross_entropy(of_fake, 0.0)
    return 0.5 * (parts[0] + parts[1])


def generator_loss(kind, logits_of, real, fake, coefficients):
    """Returns what the generator lowers.

    Args:
        kind: "non_saturating" is l(d(g(z)), 1). "min_max" is the negative of the
            discriminator's loss, as in the paper.
        logits_of: As for `discriminator_loss`.
        real: As for `discriminator_loss`.
        fake: As for `discriminator_loss`.
        coefficients: As for `discriminator_loss`.
    """
    if kind == "min_max":
        return -discriminator_loss(logits_of, real, fake, coefficients)
    return cross_entropy(logits_of(fake), 1.0)
