"""Tests over families, their correction, and the figures, from records made up here."""

import pathlib
import re

import numpy as np
import pytest
from scipy import stats

from recipes import compare, fashion, figures
from recipes.datasets.corruptions import KINDS
from recipes.parts import evidence_figures
from recipes.parts.claims import claims, verdict
from recipes.parts.comparisons import Result
from recipes.parts.families import families
from recipes.parts.masked_gradients import masking_remarks
from recipes.shared.columns import ALL_COLUMNS, MORE_COLUMNS, with_parts
from recipes.shared.results import Results
from recipes.shared.statistics import holm, mean_difference

VERDICTS = ("not seen", "the opposite", "confirmed", "in kind only")


def write_records(folder, name, methods, seeds=4):
    generator = np.random.default_rng(len(name))
    results = Results(folder / name, "toy", "jax", {})
    for method in methods:
        for seed in range(seeds):
            names = ["test_error", "last_error", "best_error", "nll", "ece"]
            names += ["scaled_ece", "scaled_nll", "corrupted_error", "corrupted_ece"]
            names += ["profile_misses", "profile_gradient"]
            names += [f"corrupted_error_{kind}" for kind in KINDS]
            names += [
                f"{attack}_error_{epsilon}"
                for attack in ("fgsm", "ifgsm", "fgsm_black_box", "ifgsm_black_box")
                for epsilon in (2, 4, 8)
            ]
            names += [f"noise_error_{epsilon}" for epsilon in (2, 4, 8)]
            metrics = {each: generator.uniform(0.1, 0.2) for each in names}
            results.add("toy", method, seed, 1, {"metrics": metrics | {"seconds": 1}})
    (folder / name / "results.csv").rename(folder / f"{name}.csv")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Records of every comparison."""
    folder = tmp_path_factory.mktemp("measured")
    methods = {}
    for comparisons in families().values():
        for each in comparisons:
            methods.setdefault(each.file, {})[each.method] = True
            methods.setdefault(each.reference_file or each.file, {})[each.reference] = 1
    methods["fashion_k1"]["erm"] = True
    for name, own in methods.items():
        write_records(folder, name, own)
    return folder


def test_the_commands_of_the_plan_are_commands():
    plan = (pathlib.Path(fashion.__file__).parent / "plan.md").read_text("utf-8")
    commands = re.findall(r"`R (--preset[^`]*)`", plan)
    assert len(commands) >= 12
    for command in commands:
        options = fashion.parse_options(command.replace(" K ", " 2 ").split())
        assert options.epochs and options.seeds


def test_the_families_compare_methods_that_there_are():
    for comparisons in families("0.2").values():
        for each in comparisons:
            if each.file.startswith("fashion"):
                assert {each.method, each.reference} <= set(fashion.FASHION_METHODS)


def test_differences_have_students_interval():
    ours, base = np.array([0.1, 0.3, 0.2, 0.4]), np.array([0.2, 0.3, 0.5, 0.6])
    mean, low, high, p = mean_difference(ours, base)
    expected = stats.ttest_rel(ours, base)
    interval = expected.confidence_interval(0.95)
    assert (mean, p) == pytest.approx((-0.15, expected.pvalue))
    assert (low, high) == pytest.approx((interval.low, interval.high))
    assert mean_difference(base, base) == (0, 0, 0, 1)
    assert np.isnan(mean_difference(base, base - 0.1)[3])
    assert np.isnan(mean_difference(ours[:1], base[:1])[1:]).all()


def test_holms_correction():
    # By hand: 4 × .01; 3 × .02; 2 × .03 is below the one before; 1 × .5.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    corrected = holm([0.01, float("nan")])
    assert corrected[0] == pytest.approx(0.02) and np.isnan(corrected[1])
    assert holm([]) == []


def test_every_family_is_compared_and_corrected(measured, capsys):
    compare.main(["--measured", str(measured)])
    printed = capsys.readouterr().out
    assert "not measured yet" not in printed
    assert printed.count("| `fashion_wrong_") == 12
    assert "FGSM error % (4)" in printed
    lines, missing = compare.table(families()["what multi-mix adds"], measured)
    assert not missing and len(lines) == 4 and "`mixup_alpha_1`" in lines[2]


def test_a_family_that_lacks_records_is_not_corrected_for_fewer_tests(tmp_path, capsys):
    write_records(tmp_path, "fashion_keras_example", ["erm", "mixup"])
    compare.main(["--measured", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "mixup_two_datasets and erm in fashion_keras_example" in printed
    assert "not measured yet: fashion_55000.csv" in printed
    assert "| method |" not in printed


@pytest.mark.parametrize("alpha", ["0.2", "1"])
def test_every_claim_is_answered_by_one_planned_test(alpha, measured, capsys):
    every, all_of_them = families(alpha), claims(alpha)
    for claim in all_of_them:
        assert every[claim.family].count(claim.comparison) == 1, claim
    compare.main(["--claims", "--alpha", alpha, "--measured", str(measured)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(all_of_them)
    said = tuple(f"| {verdict} |" for verdict in VERDICTS)
    assert all(line.endswith(said) for line in lines[2:])


def test_the_page_of_findings_has_the_table_of_the_records(capsys):
    recipes = pathlib.Path(fashion.__file__).parent
    compare.main(["--claims"])
    printed = capsys.readouterr().out.splitlines()
    page = (recipes / "findings.md").read_text("utf-8").splitlines()
    assert [line for line in page if line.startswith("|")] == printed


def test_a_claim_without_its_whole_family_is_not_answered(tmp_path, capsys):
    write_records(tmp_path, "fashion_wrong_0.5", ["erm", "mixup", "dropout"])
    compare.main(["--claims", "--measured", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.endswith("| not measured yet |") for line in lines[2:])


@pytest.mark.parametrize(
    ("p", "mean", "paper", "said"),
    [
        (0.05, -0.1, None, "not seen"),
        (float("nan"), -0.1, None, "not seen"),
        (0.04, 0.01, (0.5, 0.4), "the opposite"),
        (0.04, -0.01, None, "confirmed"),
        (0.04, -0.01, (50, 40), "in kind only"),  # 5 % of 0.2, half of 20 % asked
        (0.04, -0.021, (50, 40), "confirmed"),
    ],
)
def test_the_rule_of_the_verdicts(p, mean, paper, said):
    result = Result(None, None, 5, 0.2, mean, mean, mean, p, holm=p)
    assert verdict(claims()[0]._replace(paper=paper), result) == said


def test_figures_are_drawn_from_what_is_there(measured, tmp_path, capsys):
    paths = figures.main(["--measured", str(measured), "--output", str(tmp_path)])
    assert [path.stem for path in paths] == list(evidence_figures.FIGURES)
    assert all(path.stat().st_size > 5000 for path in paths)
    assert not figures.main(["--measured", str(tmp_path), "--output", str(tmp_path)])
    assert "records are missing" in capsys.readouterr().out


def test_the_figure_of_wrong_labels_has_a_panel_for_each_share_measured(tmp_path):
    write_records(tmp_path, "fashion_wrong_0.5", ["erm", "mixup"])
    (panel,) = evidence_figures.wrong_labels(tmp_path).axes
    assert panel.get_title() == "50 % wrong labels"
    assert len(panel.patches) == 4  # the best epoch and the last, of two methods


def test_parts_of_a_metric_have_columns():
    metrics = ("train_error", "train_error_corrupted", "ifgsm_error_4", "fgsm_error_2")
    found = with_parts([{"metrics": dict.fromkeys(metrics, 0.5)}], MORE_COLUMNS)
    assert [column.metric for column in found] == [
        "train_error",
        "train_error_corrupted",
        "fgsm_error_2",
        "ifgsm_error_4",
    ]
    assert found[2].heading == "FGSM error % (2)"
    names = [column.metric for column in ALL_COLUMNS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({"fgsm_error": 0.5, "fgsm_black_box_error": 0.4, "noise_error": 0.2}, None),
        ({"fgsm_error": 0.5, "noise_error": 0.5}, "random noise on 50.0 %"),
        ({"fgsm_error": 0.5, "fgsm_black_box_error": 0.6}, "black box on 60.0 %"),
        ({"fgsm_error_2": 0.5, "ifgsm_error_2": 0.4}, "ε = 2/255 errs on 40.0 %, one"),
        ({"fgsm_error_2": 0.5, "fgsm_error_8": 0.4}, "smaller ε on 50.0 %"),
        ({"fgsm_error_2": 0.5, "fgsm_error_8": 0.6, "noise_error_8": 0.55}, None),
    ],
)
def test_masked_gradients_are_said(errors, said):
    record = {"method": "mixup", "seed": 0, "metrics": {**errors, "test_error": 0.1}}
    remarks = masking_remarks([record])
    assert len(remarks) == (said is not None)
    if said:
        assert remarks[0].startswith("mixup: ") and said in remarks[0]
