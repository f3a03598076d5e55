"""Every test runs on the backend that KERAS_BACKEND names, JAX where it names none."""

import ctypes
import gc
import os
import sys
import zlib

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests compile a lot and compute little: on JAX that halves their time.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import keras
import numpy as np
import pytest

BACKENDS = ("jax", "tensorflow", "torch")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Spreads the cases of tests that take long over the backends.

    Each case runs quickly on one of them, by its name; `make test-all` runs it on all.
    """
    running = BACKENDS.index(keras.backend.backend())
    for item in items:
        if item.get_closest_marker("spread"):
            if zlib.crc32(item.nodeid.encode()) % len(BACKENDS) != running:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def same_seed_for_every_test():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def memory_is_given_back():
    """Forgets what the tests of a file have compiled: nobody calls it again.

    Otherwise each process grows by several gigabytes.
    """
    yield
    keras.utils.clear_session(free_memory=False)
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
    gc.collect()
    if sys.platform == "linux":
        # glibc keeps what is freed in pieces, unless it is told to return it.
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def dtype_policy():
    """Sets a global dtype policy that ends with the test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)
