"""Compiled steps on disk: the second run of a method does not compile again."""


def keep(folder):
    """Lets JAX keep every program that it compiles, and look for it there first.

    Args:
        folder: where; made if it is not there.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder.resolve()))
    # By default JAX keeps only what took a second to compile.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
