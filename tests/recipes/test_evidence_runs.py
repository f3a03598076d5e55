"""The processes that measure what the plan says, and how they choose."""

import json
import multiprocessing
import pathlib
import re

import pytest

from recipes import evidence, fashion
from recipes.parts.evidence_records import keep, made_before, take_over
from recipes.parts.evidence_runs import Job, Pool, best
from recipes.parts.evidence_tables import CHOICES, TABLES
from recipes.parts.families import families
from recipes.shared.whole_files import check_writable

PLAN = (pathlib.Path(fashion.__file__).parent / "plan.md").read_text("utf-8")


def values(arguments):
    """The options of a fashion command that say what it compares."""
    options = vars(fashion.parse_options(list(arguments)))
    return {k: v for k, v in options.items() if k not in ("output", "seeds")}


def test_each_command_of_the_plan_has_its_table():
    measured = [
        values(each.arguments)
        for each in TABLES.values()
        if each.recipe == "fashion" and not each.methods
    ]
    for command in re.findall(r"`R (--preset[^`]*)`", PLAN):
        arguments = command.split()
        if "--measure-on" in arguments or " K " in command or "--methods" in arguments:
            continue
        assert values(arguments) in measured, command


def test_the_choices_are_the_plans():
    first = [
        [*each.arguments, "--methods", *each.methods, each.option, value]
        for each in CHOICES.values()
        for value in each.values
    ]
    known = [values(arguments) for arguments in first]
    planned = [
        command.split()
        for command in re.findall(r"`R (--preset[^`]*)`", PLAN)
        if "--measure-on" in command
    ]
    assert len(planned) == len(CHOICES)
    for arguments in planned:
        assert values(arguments) in known, arguments


def test_every_comparison_has_its_table():
    for comparisons in families().values():
        for each in comparisons:
            for name, method in (
                (each.file, each.method),
                (each.reference_file or each.file, each.reference),
            ):
                options = evidence.parse_options(["--tables", name])
                jobs = list(evidence.commands_of(name, options))
                assert method in [arguments[-1] for _, arguments, _ in jobs], name


def test_the_lowest_error_is_chosen_unless_a_cheaper_setting_is_as_good():
    def of(*errors):
        return dict(enumerate(errors))

    assert best([of(0.30, 0.32), of(0.20, 0.22)]) == 1
    assert best([of(0.20, 0.22), of(0.30, 0.32)]) == 0
    # Worse by 0.01 ± 0.02, and by 0.02 ± 0.001.
    assert best([of(0.23, 0.21), of(0.20, 0.22)]) == 0
    assert best([of(0.221, 0.241), of(0.20, 0.222)]) == 1
    assert best([of(0.2, 0.2), of(0.2, 0.2)]) == 0


def test_commands_carry_what_validation_rows_have_chosen(tmp_path, capsys):
    options = evidence.parse_options(["--list", "--tables", "fashion_5000"])
    assert evidence.needed_choices(options.tables).keys() == {"alpha", "epochs"}
    evidence.main(["--list", "--tables", "fashion_5000"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 + 6 + 8, "two values of α and of the length, three methods"
    assert lines[-1].endswith("--methods erm_long --alpha ? --epochs ?")
    assert made_before(tmp_path) == {}


@pytest.fixture
def stand_in(tmp_path):
    """A command that writes a record, in the place of a recipe's."""
    path = tmp_path / "stand_in.py"
    path.write_text(
        "#!/usr/bin/env python3\n"
        "import json, pathlib, sys\n"
        "arguments = dict(zip(sys.argv[3::2], sys.argv[4::2]))\n"
        "folder = pathlib.Path(arguments['--output'])\n"
        "error = abs(float(arguments.get('--alpha', 0)) - 1)\n"
        "if arguments.get('--methods') == 'broken': sys.exit(3)\n"
        "record = {'method': 'm', 'seed': 0, 'metrics': {'last_error': error}}\n"
        "records = [record, {**record, 'seed': 1}]\n"
        "(folder / 'results.json').write_text(json.dumps(records))\n"
        "(folder / 'results.csv').write_text(' '.join(sys.argv[1:]))\n"
    )
    path.chmod(0o755)
    return str(path)


def job(folder, name, *arguments, method="m", **kwargs):
    command = ["--output", str(folder / name), *arguments, "--methods", method]
    return Job(name, "toy", command, 2, **kwargs)


def test_tables_wait_for_their_choice(tmp_path, stand_in, capsys):
    options = evidence.parse_options(
        ["--output", str(tmp_path), "--measured", str(tmp_path / "measured")]
    )
    records = [f"choice_alpha_{value}" for value in CHOICES["alpha"].values]
    jobs = [
        job(tmp_path, name, "--alpha", name.split("_")[-1], decides="alpha")
        for name in records
    ]
    jobs += [job(tmp_path, "table", needs=("alpha",))]
    jobs += [job(tmp_path, "other", method="broken")]
    pool = Pool(jobs, {"alpha": records}, {}, options, None)
    assert pool.run(stand_in) == {"alpha": "1"}
    assert json.loads((tmp_path / "choices.json").read_text()) == {"alpha": "1"}
    assert made_before(tmp_path) == {"alpha": "1"}
    said = (tmp_path / "measured" / "table.csv").read_text()
    assert said.endswith("--methods m --alpha 1")
    assert made_before(tmp_path / "measured") == {"alpha": "1"}
    printed = capsys.readouterr().out
    assert "--alpha 1, of {'1': 0.0, '0.2': 0.8}" in printed
    assert "other broken: failed, see" in printed
    # What was chosen before is not measured again.
    pool = Pool(jobs[-2:], {}, made_before(tmp_path), options, None)
    assert pool.run(stand_in) == {"alpha": "1"}


@pytest.mark.parametrize("method", ["broken", "without_records"])
def test_nothing_is_chosen_from_what_is_not_there(tmp_path, stand_in, capsys, method):
    options = evidence.parse_options(["--output", str(tmp_path)])
    jobs = [
        job(tmp_path, "choice_alpha_1", "--alpha", "1", decides="alpha"),
        job(tmp_path, "choice_alpha_0.2", method=method, decides="alpha"),
        job(tmp_path, "table", needs=("alpha",)),
    ]
    records = ["choice_alpha_1", "choice_alpha_0.2"]
    assert Pool(jobs, {"alpha": records}, {}, options, None).run(stand_in) == {}
    printed = capsys.readouterr().out
    assert "choice_alpha_1 m: 2 of 2 runs" in printed
    assert "choice_alpha_0.2 " + method + ": 0 of 2 runs" in printed
    assert "table: not finished" in printed


def test_a_table_goes_on_from_what_is_kept_of_it(tmp_path):
    output, measured = tmp_path / "output", tmp_path / "measured"
    folder = output / "table"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text('[{"seed": 0}]')
    (folder / "results.csv").write_text("seed\n0\n")
    keep(measured, output, "table", whole=False)
    assert not (measured / "table.csv").exists()
    take_over(measured, tmp_path / "elsewhere", ["table", "other"])
    copied = tmp_path / "elsewhere" / "table" / "results.json"
    assert json.loads(copied.read_text()) == [{"seed": 0}]
    # What is there already stays.
    copied.write_text("[]")
    take_over(measured, tmp_path / "elsewhere", ["table"])
    assert copied.read_text() == "[]"
    keep(measured, output, "table", whole=True)
    assert (measured / "table.csv").read_text() == "seed\n0\n"
    assert not list((measured / "unfinished").iterdir())


def test_time_ends_what_runs(tmp_path, capsys):
    slow = tmp_path / "slow.sh"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    options = evidence.parse_options(["--output", str(tmp_path)])
    assert Pool([job(tmp_path, "t")], {}, {}, options, end=0).run(str(slow)) == {}
    assert "t: not finished" in capsys.readouterr().out


def test_a_try_leaves_no_records(capsys):
    with pytest.raises(SystemExit):
        evidence.parse_options(["--tiny", "--measured", "records"])
    assert "Received: --tiny" in capsys.readouterr().err


def check_often(folder):
    for _ in range(30):
        check_writable(folder)


def test_processes_may_look_at_one_folder_at_the_same_time(tmp_path):
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=check_often, args=(tmp_path,)) for _ in range(3)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0, 0]
    assert not list(tmp_path.iterdir())
