"""The training system of the reference: its procedure, what it keeps, and its command."""

import sys

import numpy as np
import pytest

from eqwise.conformance import cli
from eqwise.reference.data import digits, split
from eqwise.reference.learning_curve import learning_curve
from eqwise.reference.model import build
from eqwise.reference.objectives import Objective
from eqwise.reference.pictures import save
from eqwise.reference.training import SETTINGS, Epoch, History, batches, choose_optimizer, measure, train


def parts_for(samples=30, dtype=np.float32):
    """A small data set of 4 features and 3 outputs, split."""
    rng = np.random.default_rng(0)
    return split(rng.normal(size=(samples, 4)).astype(dtype), rng.normal(size=(samples, 3)).astype(dtype))


@pytest.mark.parametrize("size", (1, 4, 10, 11, 99))
def test_batches_cover_every_sample_once(size):
    """An epoch is a permutation, cut; only the last batch is short, and another epoch has another order."""
    rng = np.random.default_rng(0)
    first, second = (list(batches(11, size, rng)) for _ in range(2))
    assert sorted(np.concatenate(first)) == list(range(11))
    assert [len(chosen) for chosen in first[:-1]] == [size] * (len(first) - 1) and len(first) == -(-11 // size)
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()


def trained(data, seed=3, **options):
    """A network of every kind of layer after three epochs, with its history."""
    network = build((4, 6, 3), "prelu", "identity", dropout=0.2, batch_norm="after", seed=seed)
    return network, train(network, data, loss="sum_of_squares", epochs=3, batch_size=5, patience=None, seed=seed, **options)


@pytest.mark.parametrize("optimizer", SETTINGS)
def test_same_seed_same_bits(optimizer):
    """A run is a function of its seed: parameters, running statistics and history agree to the bit, and another seed differs."""
    (first, history), (second, again) = (trained(parts_for(), optimizer=optimizer) for _ in range(2))
    assert history == again
    assert all(np.array_equal(a, b) for a, b in zip(first.state, second.state, strict=True))
    assert trained(parts_for(), seed=4, optimizer=optimizer)[1] != history
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in first.state)


def test_training_stops_and_restores():
    """`train` ends after the first rise of the validation loss, and leaves the network with the lowest one."""
    network, data = build((4, 32, 3), "relu", "identity", seed=0), parts_for()
    optimizer = choose_optimizer("sgd", eta=0.05)
    history = train(network, data, loss="sum_of_squares", optimizer=optimizer, epochs=500, batch_size=4, patience=1)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert len(losses) < 500 and losses[-1] >= losses[-2] == min(losses) and history.kept == len(losses) - 1
    assert measure(network, Objective("sum_of_squares", network.output), data.validation)[0] == min(losses)


@pytest.mark.parametrize("suffix", ("png", "svg"))
def test_learning_curve_is_a_picture(tmp_path, suffix):
    """A PNG or SVG file with labelled axes, a legend and the kept epoch."""
    pytest.importorskip("matplotlib")
    path = tmp_path / f"curve.{suffix}"
    epochs = (Epoch(2, 0.5, 2.5, 0.4), Epoch(1, 0.9, 1.5, 0.8), Epoch(0.5, 1, 2, 0.7))
    save(learning_curve(History(epochs, "accuracy", 2)), path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    if suffix == "svg":
        assert all(word in content for word in (b"validation", b"kept: epoch 2", b"accuracy by epoch"))


def command(*arguments):
    """Runs `eqwise train`."""
    return cli.main(["train", *arguments])


def test_command_learns_digits(tmp_path, capsys):
    """A few epochs exceed 90 % test accuracy, in a table of three parts with the place of the picture below."""
    for module in ("matplotlib", "sklearn", "tqdm"):
        pytest.importorskip(module)
    curve = tmp_path / "curve.png"
    assert command("--data", "digits", "--epochs", "5", "--hidden", "64", "--curve", str(curve)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["part", "training", "validation", "test"]
    assert float(lines[3].split()[-1]) > 0.9 and lines[-1] == f"learning curve: {curve}" and curve.exists()
    assert digits().inputs.max() == 1 and [line.split()[1] for line in lines[1:4]] == ["1439", "179", "179"]


def test_command_learns_a_file(tmp_path, capsys):
    """A regression is told in the units of the data, however large they are."""
    for module in ("matplotlib", "tqdm"):
        pytest.importorskip(module)
    x = np.random.default_rng(0).normal(size=(100, 2))
    rows = [f"{a},{b},{1e6 + 1e3 * (a - b)}" for a, b in x]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,target", *rows]))
    options = ["--hidden=", "--eta", "0.1", "--optimizer", "sgd", "--curve", str(tmp_path / "a.svg")]
    assert command("--data", str(tmp_path / "a.csv"), "--regression", *options) == 0
    assert float(capsys.readouterr().out.splitlines()[3].split()[-1]) < 1


@pytest.mark.parametrize("module", ("matplotlib", "sklearn.datasets", "threadpoolctl", "tqdm"))
def test_command_names_a_missing_extra(module, tmp_path, monkeypatch, capsys):
    """Without one of the optional packages the message is the command that installs them."""
    for needed in ("matplotlib", "sklearn", "threadpoolctl", "tqdm"):
        pytest.importorskip(needed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    assert command("--data", "digits") == 4
    assert capsys.readouterr().err == f"eqwise: {module.partition('.')[0]} is missing: pip install 'eqwise[data]'\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (("--data", "none.csv"), "none.csv"),
        (("--data", "digits", "--activation", "swish"), "activation = 'swish'"),
        (("--data", "digits", "--eta", "-1"), "eta = -1.0 must be positive"),
        (("--data", "digits", "--hidden", "64,x"), "hidden = '64,x' must be numbers with ',' between them"),
        (("--data", "digits", "--split", "8:1:2"), "must give validation and test the same size"),
        (("--data", "digits", "--curve", "a.txt"), "must end in .png, .svg, .pdf"),
        (("--data", "digits", "--patience", "0"), "patience = 0"),
        (("--data", "digits", "--dtype", "float8"), "dtype = 'float8' must be float32 or float64"),
        (("--data", "digits", "--seed", "-1"), "seed = -1"),
    ),
)
def test_command_errors_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    """Wrong use ends with status 4 and one line, and leaves no file."""
    for module in ("matplotlib", "sklearn", "tqdm"):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 4
    shown = capsys.readouterr()
    assert shown.err.startswith("eqwise: ") and shown.err.count("\n") == 1 and message in shown.err and not shown.out
    assert not list(tmp_path.iterdir())
