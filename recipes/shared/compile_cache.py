"""Compiled steps on disk: the second run of a method does not compile again."""

from pathlib import Path


def add_option(parser):
    """Adds the option that names the folder."""
    parser.add_argument(
        "--compilation-cache",
        type=Path,
        metavar="DIR",
        help="where JAX keeps compiled programs, for runs to come",
    )


def keep(options):
    """Lets JAX keep every program that it compiles, and look for it there first.

    Args:
        options: with `backend`, and `compilation_cache`: a folder, made if it is not
            there, or None.
    """
    if not options.compilation_cache or options.backend != "jax":
        return
    import jax

    folder = options.compilation_cache.resolve()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # By default JAX keeps only what took a second to compile.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
