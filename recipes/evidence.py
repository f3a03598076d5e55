"""Measures what recipes/plan.md plans, several runs side by side.

    python -m recipes.evidence --data-dir DIR --backend tensorflow --jobs 2
    python -m recipes.evidence --data-dir DIR --tables fashion_55000 --minutes 60
    python -m recipes.evidence --list

Every method of a table is a process of its own. What the plan leaves to validation rows
is measured first, decided by the plan's rule, and given to the tables that need it. The
same command continues after an interruption. Each table is in OUTPUT/NAME. With
`--measured recipes/measured` the records of whole tables are kept there as NAME.csv,
and the records of unfinished tables in `unfinished`. A command with the same option
continues from them, on another machine too.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

from recipes.parts.evidence_tables import CHOICES, TABLES, TINY, TINY_ATTACKS
from recipes.shared import commands
from recipes.shared.options import BACKENDS, integer_from, number_from, one_of


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.evidence", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--list", action="store_true", help="print the commands and run nothing")
    add(
        "--tables",
        nargs="+",
        type=one_of((*TABLES, "choices")),
        metavar="NAME",
        default=list(TABLES),
        help="what to measure, in this order; `choices` alone runs nothing else",
    )
    add("--backend", type=one_of(BACKENDS), default="jax", metavar="BACKEND")
    add("--data-dir", type=Path, default=Path("data"), help="as for the recipes")
    add("--output", type=Path, default=Path("runs", "evidence"), help="for all files")
    add("--measured", type=Path, help="folder to keep records in")
    add("--jobs", type=integer_from(1), default=2, help="processes side by side")
    add("--minutes", type=number_from(0), help="stop after this time")
    add("--compilation-cache", type=Path, help="where JAX keeps compiled programs")
    add("--tiny", action="store_true", help="a try of everything; measures nothing")
    options = parser.parse_args(arguments)
    if options.tiny and options.measured:
        parser.error(
            "Expected records that mean something, for --measured. Received: --tiny, "
            "whose records do not. Leave one of them out."
        )
    return options


def commands_of(name, options):
    """The commands of a choice or a table, one for each of its methods.

    Args:
        name: of a table; or of a choice and a value, such as "choice_alpha_0.2".
        options: what `parse_options` gave.

    Yields:
        Tuples of the recipe, a list of arguments without what choices add, and the
        number of runs.
    """
    if name in TABLES:
        table = TABLES[name]
        recipe, arguments, methods = table.recipe, table.arguments, table.methods
    else:
        _, choice, value = name.split("_")
        choice = CHOICES[choice]
        recipe, methods = "fashion", choice.methods
        arguments = (*choice.arguments, choice.option, value)
    arguments = list(arguments)
    if options.tiny:
        arguments += TINY[recipe]
        if "--attack" in arguments:
            arguments += TINY_ATTACKS
    module = importlib.import_module(f"recipes.{recipe}")
    arguments += ["--backend", options.backend, "--data-dir", str(options.data_dir)]
    arguments += ["--output", str(options.output / name)]
    parsed = module.parse_options(arguments)
    if options.compilation_cache and hasattr(parsed, "compilation_cache"):
        arguments += ["--compilation-cache", str(options.compilation_cache)]
    runs = parsed.seeds * (len(module.settings(parsed)) if recipe == "gan" else 1)
    for method in methods or parsed.methods:
        yield recipe, [*arguments, "--methods", method], runs


def needed_choices(names):
    """The names of the choices that tables need, with each value.

    Returns:
        A dict of choice name -> list of names such as "choice_alpha_0.2".
    """
    needed = {
        choice for name in names if name in TABLES for choice in TABLES[name].choices
    }
    if "choices" in names:
        needed = set(CHOICES)
    return {
        name: [f"choice_{name}_{value}" for value in choice.values]
        for name, choice in CHOICES.items()
        if name in needed
    }


def main(arguments=None):
    """The command; returns the choices that were made, a dict of name -> value."""
    from recipes.parts.evidence_records import made_before, take_over
    from recipes.parts.evidence_runs import Job, Pool

    options = parse_options(arguments)
    choices = needed_choices(options.tables)
    tables = [name for name in options.tables if name in TABLES]
    if not options.list:
        names = [*tables, *(name for each in choices.values() for name in each)]
        take_over(options.measured, options.output, names)
    made = made_before(options.output)
    choices = {name: names for name, names in choices.items() if name not in made}
    jobs = [
        Job(name, *command, decides=choice)
        for choice, names in choices.items()
        for name in names
        for command in commands_of(name, options)
    ]
    jobs += [
        Job(name, *command, needs=TABLES[name].choices)
        for name in tables
        for command in commands_of(name, options)
    ]
    if options.list:
        for job in jobs:
            needs = "".join(f" {CHOICES[c].option} ?" for c in job.needs)
            print(f"python -m recipes.{job.recipe} {' '.join(job.arguments)}{needs}")
        return {}
    end = options.minutes and time.monotonic() + 60 * options.minutes
    return Pool(jobs, choices, made, options, end).run(sys.executable)


if __name__ == "__main__":
    commands.run(main)
