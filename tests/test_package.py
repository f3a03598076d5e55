"""What `import keras_multimix` gives."""

import pytest

import keras_multimix


def test_evaluation_needs_no_import_of_its_own():
    assert callable(keras_multimix.evaluation.fgsm)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'evalution'"):
        keras_multimix.evalution  # noqa: B018


@pytest.mark.parametrize("name", keras_multimix.__all__)
def test_public_names_are_there(name):
    assert getattr(keras_multimix, name).__module__.startswith("keras_multimix.")
