"""A `.keras` file runs no code of its own, whatever it says."""

import json
import zipfile

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, RandomMix

ran = []


def next_rows(x, y, seed):
    """A pairing that is not registered."""
    ran.append("next_rows")
    return np.roll(np.arange(len(x)), -1)


class Boom:
    """Runs when it is made."""

    def __init__(self, **config):
        ran.append("Boom")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def model_with(mixer):
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return MixupModel(base, mixer)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("nested", [False, True])
def test_a_lambda_is_refused_in_safe_mode(tmp_path, nested):
    mixer = MixUp(pairing=lambda x, y, seed: ran.append("lambda"))
    model_with(RandomMix([mixer]) if nested else mixer).save(tmp_path / "a.keras")
    with pytest.raises(Exception, match="(?i)lambda.*safe.mode|unsafe"):
        keras.saving.load_model(tmp_path / "a.keras")
    with pytest.raises(Exception, match="(?i)lambda.*safe.mode|unsafe"):
        type(mixer).from_config(mixer.get_config())
    assert ran == []


def tampered(tmp_path, change):
    """The path of a saved model whose config somebody has changed."""
    good, bad = tmp_path / "good.keras", tmp_path / "bad.keras"
    model_with(MixUp(seed=1)).save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            target.writestr(name, content)
    return bad


def function(module, name):
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def instance(module, name, config):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": name,
    }


def hostile_objects(marker):
    return {
        "os.system": function("os", "system"),
        "eval": function("builtins", "eval"),
        "exec": function("builtins", "exec"),
        "pickle.loads": function("pickle", "loads"),
        "Popen": instance("subprocess", "Popen", {"args": ["touch", marker]}),
        "a class of somebody's": instance(__name__, "Boom", {}),
        "a module that is not there": instance("not_there", "Thing", {}),
        "a lambda": {
            "module": "builtins",
            "class_name": "__lambda__",
            "config": {"value": "gANYAQAAAGFxAC4=", "defaults": None, "closure": None},
        },
    }


@pytest.mark.parametrize("place", ["pairing", "mixer", "base_model"])
@pytest.mark.parametrize("kind", sorted(hostile_objects("")))
def test_a_tampered_config_runs_nothing(tmp_path, place, kind):
    marker = tmp_path / "ran"
    thing = hostile_objects(str(marker))[kind]

    def change(config):
        if place == "pairing":
            config["config"]["mixer"]["config"]["pairing"] = thing
        else:
            config["config"][place] = thing

    path = tampered(tmp_path, change)
    with pytest.raises((ValueError, TypeError)):
        keras.saving.load_model(path)
    assert not marker.exists() and ran == []


def test_a_damaged_model_file_is_refused(tmp_path):
    path = tmp_path / "a.keras"
    model_with(MixUp(seed=1)).save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises((zipfile.BadZipFile, ValueError, OSError)):
            keras.saving.load_model(path)
        assert path.read_bytes() == whole[:size]
