"""Warnings where an attack on a network is weaker than it should be.

A network whose gradients say little looks robust to attacks that follow them. Signs of
it: random noise of the same size does as much harm; examples made for another network
do more; ten small steps do less than one large; a larger ε does less. They are from
section 3.1 of Athalye et al., "Obfuscated Gradients Give a False Sense of Security",
ICML 2018.
"""

import re

import numpy as np

from recipes.shared.statistics import by_method

_NAME = re.compile(r"(noise|fgsm|ifgsm)(_black_box)?_error(?:_([0-9.]+))?")
# Errors on a few thousand images differ by that by chance.
_CHANCE = 0.01


def masking_remarks(records):
    """Sentences on methods whose gradients seem to be masked, a list.

    Args:
        records: the list in results.json, with the errors of attacks or without.
    """
    remarks = []
    for method, rows in by_method(records).items():
        for finding in _findings(_mean_errors(rows)):
            remarks.append(
                f"{method}: {finding}. Its gradients may be masked: the errors of the "
                "white box do not show that it is robust."
            )
    return remarks


def _mean_errors(rows):
    """A dict (attack, is black box, ε) -> error, ε None where there is only one."""
    errors = {}
    for metric in rows[0]["metrics"]:
        found = _NAME.fullmatch(metric)
        if found:
            attack, black, epsilon = found.groups()
            key = attack, bool(black), None if epsilon is None else float(epsilon)
            own = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
            errors[key] = float(np.mean(own))
    return errors


def _findings(errors):
    for (attack, is_black, epsilon), error in errors.items():
        if attack == "noise" or is_black:
            continue
        at = attack + ("" if epsilon is None else f" at ε = {epsilon:g}/255")
        shown = f"{100 * error:.1f} %"
        noise = errors.get(("noise", False, epsilon), -1)
        if noise > error - _CHANCE:
            yield f"{at} errs on {shown}, random noise on {100 * noise:.1f} %"
        black = errors.get((attack, True, epsilon), -1)
        if black > error + _CHANCE:
            yield f"{at} errs on {shown}, the black box on {100 * black:.1f} %"
        single = errors.get(("fgsm", False, epsilon), -1)
        if attack == "ifgsm" and single > error + _CHANCE:
            yield f"{at} errs on {shown}, one step on {100 * single:.1f} %"
        if epsilon is None:
            continue
        below = max(
            (
                value
                for (name, black, size), value in errors.items()
                if name == attack and not black and size < epsilon
            ),
            default=-1,
        )
        if below > error + _CHANCE:
            yield f"{at} errs on {shown}, a smaller ε on {100 * below:.1f} %"
