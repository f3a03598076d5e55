"""mixup's GAN for points in bare JAX, TensorFlow and PyTorch, as one would write it."""

import numpy as np

_SHAPES = {"generator": (2, 2), "discriminator": (2, 1)}
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


def _initial(name, width):
    """Weights of three hidden layers, Glorot's uniform."""
    inputs, outputs = _SHAPES[name]
    generator = np.random.default_rng(0)
    weights = []
    for rows, columns in ((inputs, width), *[(width, width)] * 2, (width, outputs)):
        limit = np.sqrt(6 / (rows + columns))
        weights.append(generator.uniform(-limit, limit, (rows, columns)))
        weights.append(np.zeros(columns))
    return [weight.astype("float32") for weight in weights]


def jax_step(width, alpha, inner, rate):
    """A function batch -> generator's loss that trains in one jitted step."""
    import jax
    import jax.numpy as jnp

    def run(weights, x):
        *hidden, kernel, bias = weights
        for start in range(0, len(hidden), 2):
            x = jax.nn.relu(x @ hidden[start] + hidden[start + 1])
        return x @ kernel + bias

    def cross_entropy(logits, targets):
        parts = jnp.maximum(logits, 0) - logits * targets
        return jnp.mean(parts + jnp.log1p(jnp.exp(-jnp.abs(logits))))

    def discriminator_loss(d, g, real, z, mix):
        fake = jax.lax.stop_gradient(run(g, z))
        return cross_entropy(run(d, mix * real + (1 - mix) * fake), mix)

    def generator_loss(g, d, z):
        return cross_entropy(run(d, run(g, z)), 1.0)

    def adam(weights, gradients, state):
        first, second, count = state
        count = count + 1
        first = [
            _BETA1 * m + (1 - _BETA1) * g for m, g in zip(first, gradients, strict=True)
        ]
        second = [
            _BETA2 * v + (1 - _BETA2) * g**2
            for v, g in zip(second, gradients, strict=True)
        ]
        size = rate * jnp.sqrt(1 - _BETA2**count) / (1 - _BETA1**count)
        weights = [
            w - size * m / (jnp.sqrt(v) + _EPSILON)
            for w, m, v in zip(weights, first, second, strict=True)
        ]
        return weights, (first, second, count)

    @jax.jit
    def step(g, d, g_state, d_state, key, real):
        for _ in range(inner):
            key, latent, beta = jax.random.split(key, 3)
            z = jax.random.normal(latent, (len(real), 2))
            mix = jax.random.beta(beta, alpha, alpha, (len(real), 1))
            gradients = jax.grad(discriminator_loss)(d, g, real, z, mix)
            d, d_state = adam(d, gradients, d_state)
        key, latent = jax.random.split(key)
        z = jax.random.normal(latent, (len(real), 2))
        loss, gradients = jax.value_and_grad(generator_loss)(g, d, z)
        g, g_state = adam(g, gradients, g_state)
        return g, d, g_state, d_state, key, loss

    def begin(name):
        weights = [jnp.asarray(w) for w in _initial(name, width)]
        zeros = [jnp.zeros_like(w) for w in weights]
        return weights, (zeros, zeros, jnp.zeros(()))

    (g, g_state), (d, d_state) = begin("generator"), begin("discriminator")
    state = [g, d, g_state, d_state, jax.random.key(0)]

    def train(batch):
        *state[:], loss = step(*state, batch)
        return loss

    return train


def tensorflow_step(width, alpha, inner, rate):
    """The same in one TensorFlow graph."""
    import tensorflow as tf

    nets = {name: [tf.Variable(w) for w in _initial(name, width)] for name in _SHAPES}
    moments = {
        name: [[tf.Variable(tf.zeros_like(w)) for w in ws] for _ in range(2)]
        for name, ws in nets.items()
    }
    counts = {name: tf.Variable(0.0) for name in nets}

    def run(name, x):
        *hidden, kernel, bias = nets[name]
        for start in range(0, len(hidden), 2):
            x = tf.nn.relu(x @ hidden[start] + hidden[start + 1])
        return x @ kernel + bias

    def cross_entropy(logits, targets):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))

    def descend(name, loss):
        with tf.GradientTape() as tape:
            value = loss()
        counts[name].assign_add(1.0)
        count = counts[name]
        size = rate * tf.sqrt(1 - _BETA2**count) / (1 - _BETA1**count)
        gradients = tape.gradient(value, nets[name])
        for w, g, m, v in zip(nets[name], gradients, *moments[name], strict=True):
            m.assign(_BETA1 * m + (1 - _BETA1) * g)
            v.assign(_BETA2 * v + (1 - _BETA2) * g**2)
            w.assign_sub(size * m / (tf.sqrt(v) + _EPSILON))
        return value

    @tf.function
    def step(real):
        shape = tf.shape(real)[0], 2
        for _ in range(inner):
            fake = run("generator", tf.random.normal(shape))
            gammas = tf.random.gamma((2, tf.shape(real)[0], 1), alpha)
            # Both can be 0 at a small α: the mixture is then half of each.
            mix = tf.where(
                tf.reduce_sum(gammas, 0) > 0,
                gammas[0] / tf.maximum(tf.reduce_sum(gammas, 0), 1e-30),
                0.5,
            )
            rows = tf.stop_gradient(mix * real + (1 - mix) * fake)
            descend(
                "discriminator",
                lambda rows=rows, mix=mix: cross_entropy(
                    run("discriminator", rows), mix
                ),
            )
        z = tf.random.normal(shape)

        def loss():
            logits = run("discriminator", run("generator", z))
            return cross_entropy(logits, tf.ones_like(logits))

        return descend("generator", loss)

    return lambda batch: step(tf.convert_to_tensor(batch))


def torch_step(width, alpha, inner, rate):
    """The same in eager PyTorch, with its own optimizer."""
    import torch

    def build(name):
        modules = []
        values = _initial(name, width)
        for start in range(0, len(values), 2):
            kernel, bias = values[start : start + 2]
            layer = torch.nn.Linear(*kernel.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(kernel.T))
                layer.bias.copy_(torch.from_numpy(bias))
            modules += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*modules[:-1])

    g, d = build("generator"), build("discriminator")
    optimizers = [torch.optim.Adam(net.parameters(), rate) for net in (g, d)]
    beta = torch.distributions.Beta(alpha, alpha)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def train(batch):
        real = torch.from_numpy(batch)
        for _ in range(inner):
            mix = beta.sample((len(real), 1))
            with torch.no_grad():
                fake = g(torch.randn(len(real), 2))
            optimizers[1].zero_grad()
            cross_entropy(d(mix * real + (1 - mix) * fake), mix).backward()
            optimizers[1].step()
        optimizers[0].zero_grad()
        logits = d(g(torch.randn(len(real), 2)))
        loss = cross_entropy(logits, torch.ones_like(logits))
        loss.backward()
        optimizers[0].step()
        return loss.detach()

    return train


def keras_step(width, alpha, inner, rate):
    """The same with Keras' layers, losses and Adam: what those cost by themselves."""
    import keras
    from keras import ops

    from recipes.networks import gan

    g, d = gan.perceptrons(width)
    optimizers = [keras.optimizers.Adam(rate) for _ in range(2)]
    weights = [net.trainable_weights for net in (g, d)]
    for optimizer, own in zip(optimizers, weights, strict=True):
        optimizer.build(own)
    seeds = keras.random.SeedGenerator(0)
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    gradients_of = _KERAS_GRADIENTS[keras.backend.backend()]

    def descend(number, loss):
        value, gradients = gradients_of(loss, [w.value for w in weights[number]])
        optimizers[number].apply(gradients, weights[number])
        return value

    def step(real):
        rows = ops.shape(real)[0]
        for _ in range(inner):
            mix = keras.random.beta((rows, 1), alpha, alpha, seed=seeds)
            z = keras.random.normal((rows, 2), seed=seeds)
            fake = ops.stop_gradient(g(z, training=True))
            mixed = mix * real + (1 - mix) * fake
            descend(1, lambda x=mixed, t=mix: loss_of(t, d(x, training=True)))
        z, ones = keras.random.normal((rows, 2), seed=seeds), ops.ones((rows, 1))
        return descend(0, lambda: loss_of(ones, d(g(z, training=True), training=True)))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = tf.function(step)
    return lambda batch: step(ops.convert_to_tensor(batch))


def _gradients_on_tensorflow(loss, values):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()
    return value, tape.gradient(value, values)


def _gradients_on_torch(loss, values):
    import torch

    value = loss()
    return value.detach(), torch.autograd.grad(value, values)


_KERAS_GRADIENTS = {
    "tensorflow": _gradients_on_tensorflow,
    "torch": _gradients_on_torch,
}
BARE = {"jax": jax_step, "tensorflow": tensorflow_step, "torch": torch_step}
