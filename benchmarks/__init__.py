"""Measurements of speed, each a ratio within one run."""

import importlib

# section -> function () that imports and returns what measures it; the backend has to
# be chosen first.
SECTIONS = {
    name: lambda module=module, name=name: getattr(
        importlib.import_module(f"benchmarks.{module}"), name
    )
    for name, module in {
        "mixing": "mixing",
        "interpolations": "mixing",
        "draws": "mixing",
        "batches": "mixing",
        "steps": "steps",
        "late": "steps",
        "memory": "memory",
        "startup": "startup",
        "calls": "calls",
        "by_hand": "by_hand",
    }.items()
}
