"""Data: their split, their scale, and where they come from."""

import numpy as np
import pytest

from eqwise.reference.data import from_csv, split, standardized


@pytest.mark.parametrize(("ratios", "size"), (((8, 1, 1), 10), ((6, 2, 2), 20), ((0.8, 0.1, 0.1), 10)))
@pytest.mark.parametrize("surplus", range(10))
def test_split_is_disjoint_complete_and_even(ratios, size, surplus):
    """Every sample is in one part with its own target, and validation and test have one size."""
    n = 100 + surplus
    parts = split(np.arange(n)[:, None], np.arange(n)[:, None] * 2, ratios, 1)
    wanted = size + surplus * ratios[2] // sum(ratios)
    assert [len(part.inputs) for part in parts] == [n - 2 * wanted, wanted, wanted]
    assert sorted(np.concatenate([part.inputs[:, 0] for part in parts])) == list(range(n))
    assert all(np.array_equal(part.targets, part.inputs * 2) for part in parts)


def test_standardized_by_the_training_part():
    """Mean and deviation are those of the training inputs alone; a constant feature becomes 0."""
    inputs = np.random.default_rng(0).normal(5, 3, (50, 3)) * [1, 1, 0]
    parts = standardized(split(inputs, inputs))
    np.testing.assert_allclose(parts.training.inputs.std(axis=0), [1, 1, 0], atol=1e-12)
    assert abs(parts.validation.inputs[:, :2].mean(axis=0)).min() > 1e-6


def test_csv(tmp_path):
    """The last column is a class, in the order of the integers or words, or a real target; a header may stand above."""
    path = tmp_path / "a.csv"
    path.write_text("u,v,class\n1,2,10\n\n3,4,9\n5,6,10\n")
    inputs, targets = from_csv(path)
    assert inputs.tolist() == [[1, 2], [3, 4], [5, 6]] and targets.tolist() == [[0, 1], [1, 0], [0, 1]]
    path.write_text("1,2.5,oak\n3,4,ash\n")
    assert from_csv(path).targets.tolist() == [[0, 1], [1, 0]]
    path.write_text("1,2,0.5\n3,4,7\n")
    assert from_csv(path, regression=True).targets.tolist() == [[0.5], [7]]


@pytest.mark.parametrize(
    ("text", "message"),
    (
        ("", "a.csv"),
        ("u,v\n", "lines of numbers = 0 must be at least 1"),
        ("1,2,a\n1,oops,b\n", "line 2: value = 'oops' must be a finite number"),
        ("1,2,a\n1,nan,b\n", "line 2: value = 'nan'"),
        ("1,2,a\n1,b\n", "line 2: columns = 2 must be as many as above"),
        ("1\n2\n", "line 1: columns = 1"),
        ("1,2,0.5\n", "line 1: class = '0.5' must be an integer or a word"),
        ("1,2,a\n3,4,\n", "line 2: class = ''"),
        ("1,2,a\n3,4,a\n", "number of classes = 1"),
        ("1,\xe9\n", "UTF-8"),
    ),
)
def test_csv_errors_name_file_line_and_value(tmp_path, text, message):
    """One line that says where to look."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.csv") as caught:
        from_csv(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    (
        (lambda: split(np.ones(9), np.ones(9)), "number of samples = 9 must leave at least one"),
        (lambda: split(np.ones(9), np.ones(8)), "number of targets = 8"),
        (lambda: split(np.ones(99), np.ones(99), (8, 1, 2)), r"ratios = \(8, 1, 2\) must give validation and test the same size"),
        (lambda: split(np.ones(99), np.ones(99), (8, 2)), "be three numbers"),
        (lambda: split(np.ones(99), np.ones(99), (8, 0, 0)), "be positive"),
    ),
)
def test_wrong_input_is_refused_with_the_rule(call, message):
    """A ValueError names the value and the rule that it breaks."""
    with pytest.raises(ValueError, match=message):
        call()
