"""Figure 3, the observed-predicted plot, and the command that draws them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from eqwise.conformance import cli, figure_command
from eqwise.reference import activations
from eqwise.reference.figures import activation_figure, observed_predicted_figure
from eqwise.reference.pictures import save

pytest.importorskip("matplotlib")

PANELS = {
    "(a) step": activations.step,
    "(b) logistic": activations.logistic,
    "(c) tanh": activations.tanh,
    "(d) softplus": activations.softplus,
    "(e) ReLU": activations.relu,
    "(f) Leaky ReLU, α = 0.1": lambda x: activations.leaky_relu(x, alpha=0.1),
    "(g) ELU, α = 1": lambda x: activations.elu(x, alpha=1.0),
    "(h) identity": activations.identity,
}
OBSERVED, ESTIMATES = np.array([3.0, -1.0, 2.5, 7.0]), np.array([2.0, 0.5, 2.5, 9.0])


@pytest.fixture(scope="module")
def panels():
    """The axes of figure 3 by their titles."""
    return {axes.get_title(): axes for axes in activation_figure().axes}


def curves(axes):
    """The abscissae and ordinates of what is joined by a line."""
    return [line.get_data() for line in axes.lines if line.get_linestyle() != "None"]


def dots(axes):
    """The single points, each with the colour of its face."""
    return [(*line.get_xydata()[0], line.get_markerfacecolor()) for line in axes.lines if line.get_linestyle() == "None"]


def command(*words):
    """The exit status of ``eqwise figure`` with these arguments."""
    return cli.main(["figure", *map(str, words)])


def test_the_eight_panels_stand_in_the_order_of_the_notes(panels):
    """3a to 3h are step, logistic, tanh, softplus, ReLU, Leaky ReLU, ELU and identity, over one range of x."""
    assert list(panels) == list(PANELS)
    assert len({axes.get_xlim() for axes in panels.values()}) == 1


@pytest.mark.parametrize("title", PANELS)
def test_every_plotted_point_is_the_formula(panels, title):
    """What is plotted at x is f(x) of the reference, bit for bit, from -5 to 5."""
    for x, y in curves(panels[title]):
        assert np.array_equal(y.view(np.uint64), PANELS[title](x).view(np.uint64))
    abscissae = np.concatenate([x for x, _ in curves(panels[title])])
    assert abscissae[0] == -5 and abscissae[-1] == 5
    assert np.diff(abscissae).min() > 0 and np.diff(abscissae).max() < 0.05


@pytest.mark.parametrize("title", PANELS)
def test_every_curve_and_axis_is_in_sight(panels, title):
    """Nothing plotted, and neither axis through 0, is cut off by the limits of its panel."""
    low, high = panels[title].get_ylim()
    assert low < 0 < high
    assert all(low < y.min() and y.max() < high for _, y in curves(panels[title]))


def test_the_step_is_drawn_without_a_vertical_join(panels):
    """Two pieces, each constant: one ends at 0 with the value there, the other begins beyond it."""
    (left, below), (right, above) = curves(panels["(a) step"])
    assert left[-1] == 0 < right[0] < 1e-300
    assert set(below) == {0.0} and set(above) == {1.0}


def test_the_dots_say_which_piece_has_the_value_at_0(panels):
    """The dot at (0, f(0)) is filled and the one at (0, 1) is open; no other panel has dots."""
    (x, y, filled), (x_open, y_open, face) = dots(panels["(a) step"])
    assert (x, y) == (0, activations.step(np.float64(0))) and filled != "white"
    assert (x_open, y_open) == (0, 1) and face == "white"
    assert not any(dots(axes) for title, axes in panels.items() if title != "(a) step")


def test_observations_are_on_x_and_estimates_on_y():
    """The points are (observed, estimated), the diagonal is y = x from corner to corner, and both axes are alike."""
    (axes,) = observed_predicted_figure(OBSERVED, ESTIMATES).axes
    diagonal, points = axes.lines
    assert np.array_equal(points.get_data(), [OBSERVED, ESTIMATES])
    assert points.get_linestyle() == "None" and diagonal.get_linestyle() != "None"
    assert np.array_equal(*diagonal.get_data())
    assert tuple(diagonal.get_xdata()) == axes.get_xlim() == axes.get_ylim()
    assert axes.get_aspect() == 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("observed", "estimated")


def test_axis_labels_match_on_both_axes():
    """The same numbers stand on both axes."""
    figure = observed_predicted_figure(OBSERVED, ESTIMATES)
    figure.canvas.draw()
    assert np.array_equal(figure.axes[0].get_xticks(), figure.axes[0].get_yticks())


@pytest.mark.parametrize("values", [[3.0], [0.0], [-2.0, -2.0], [1e300, -1e300], [5e-324, 0.0]])
def test_limits_hold_every_point(values):
    """One point, equal points and extreme numbers lie within the limits."""
    (axes,) = observed_predicted_figure(values, values).axes
    low, high = axes.get_xlim()
    assert low <= min(values) and max(values) <= high and low < high


def test_the_title_gives_the_error():
    """The root mean squared error (24), without overflow."""
    for observed, estimates, title in (
        ([1.0, 2.0], [4.0, 6.0], "RMSE = 3.536"),
        ([0.0, 0.0], [3e200, 4e200], "RMSE = 3.536e+200"),
        ([0.0], [0.0], "RMSE = 0"),
    ):
        assert observed_predicted_figure(observed, estimates).axes[0].get_title() == title


@pytest.mark.parametrize(
    ("observed", "estimates", "says"),
    [
        ([1.0, 2.0], [1.0], r"shape of the estimates = \(1,\) must be that of observed, \(2,\)"),
        ([[1.0], [2.0]], [1.0, 2.0], r"must be that of observed, \(2, 1\)"),
        ([], [], r"observed = \[\] must not be empty"),
        ([1.0, np.nan], [1.0, 2.0], r"observed\[1\] = nan must be finite"),
        ([[1.0, 2.0]], [[1.0, -np.inf]], r"estimates\[0, 1\] = -inf must be finite"),
        ([-1e308, 1e308], [0.0, 0.0], r"must lie closer together"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(observed, estimates, says):
    """The error names the value and the rule that it breaks."""
    with pytest.raises(ValueError, match=says):
        observed_predicted_figure(observed, estimates)


@pytest.mark.parametrize("name", ["figure", "figure.jpeg", "figure.png.gz"])
def test_other_formats_are_refused(name, tmp_path):
    """The suffix chooses png, svg or pdf; any other is named, and nothing is written."""
    with pytest.raises(ValueError, match=r"picture = .* must end in \.png, \.svg, \.pdf"):
        save(activation_figure(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_data_give_the_same_bytes(suffix, begins, tmp_path):
    """Two drawings of the same data, and one drawing saved twice, are the same file in the format of the suffix."""
    figure = observed_predicted_figure(OBSERVED, ESTIMATES)
    found = set()
    for k, drawn in enumerate((figure, figure, observed_predicted_figure(OBSERVED, ESTIMATES))):
        save(drawn, tmp_path / f"{k}{suffix}")
        found.add((tmp_path / f"{k}{suffix}").read_bytes())
    assert len(found) == 1 and found.pop().startswith(begins)


def test_another_process_draws_the_same_figure_without_pyplot(tmp_path):
    """Importing loads no matplotlib, drawing loads no pyplot, and another hash seed changes no byte of the svg."""
    code = "import sys; from eqwise.reference.figures import activation_figure; from eqwise.reference.pictures import save; "
    code += "assert 'matplotlib' not in sys.modules; "
    code += "save(activation_figure(), 'there.svg'); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
    save(activation_figure(), tmp_path / "here.svg")
    assert (tmp_path / "here.svg").read_bytes() == (tmp_path / "there.svg").read_bytes()


def test_without_matplotlib_the_message_installs_it(monkeypatch, capsys):
    """Without matplotlib the message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'eqwise\[data\]'"):
        activation_figure()
    assert command("3") == 4
    assert capsys.readouterr().err.startswith("eqwise: matplotlib is missing: pip install")


def test_the_command_writes_the_figure_and_prints_its_path(tmp_path, monkeypatch, capsys):
    """``figure 3`` and ``figure op`` write the file they name; each has a name of its own by default."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("\ufeffobserved,estimated\n\n1, 2\n3,2.5e0\n", encoding="utf-8")
    for words, path in (
        (["3"], "figure-3.png"),
        (["3", "--output", "three.svg"], "three.svg"),
        (["op", "--data", "data.csv"], "op.png"),
        (["op", "--data", "data.csv", "--output", "plot.pdf"], "plot.pdf"),
    ):
        assert command(*words) == 0
        assert capsys.readouterr() == (f"{path}\n", "")
        assert (tmp_path / path).stat().st_size > 1000


def test_the_command_plots_the_columns_of_the_file(tmp_path, monkeypatch):
    """The first column is observed and the second estimated, with or without a header."""
    drawn = []
    monkeypatch.setattr(figure_command, "save", lambda figure, path: drawn.append(figure.axes[0].lines[1].get_xydata().tolist()))
    for text in ("observed,estimated\n1,2\n3,4\n", "1,2\n\n3,4"):
        (tmp_path / "data.csv").write_text(text)
        assert command("op", "--data", tmp_path / "data.csv") == 0
    assert drawn == [[[1, 2], [3, 4]]] * 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"observed,estimated\n1,2\nabc,3\n", "data.csv, line 3: value = 'abc' must be a finite number"),
        (b"1,2\n3,\n", "data.csv, line 2: value = '' must be"),
        (b"abc,2\n", "data.csv, line 1: value = 'abc' must be"),
        (b"1,2\n3,nan\n", "data.csv, line 2: value = 'nan' must be"),
        (b"1,2\n3,1e999\n", "data.csv, line 2: value = '1e999' must be"),
        (b"1,2,3\n", "data.csv, line 1: columns = 3 must be 2"),
        (b'1,2\n"a\nb",3\n', "data.csv, line 3: value = 'a\\nb' must be"),
        (b"nan,nan\n1,2\n", "data.csv, line 1: value = 'nan' must be"),
        (b"1\n2\n", "data.csv, line 1: columns = 1 must be at least 2"),
        (b"observed,estimated\n", "data.csv: lines of numbers = 0 must be at least 1"),
        (b"", "data.csv: lines of numbers = 0 must be at least 1"),
        (b"\xff\xfe1", "data.csv must be comma-separated UTF-8 text"),
    ],
)
def test_a_bad_line_is_named(content, says, tmp_path, monkeypatch, capsys):
    """One line names the file, the line and what is wrong; the exit status is 4 and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_bytes(content)
    assert command("op", "--data", "data.csv") == 4
    out, err = capsys.readouterr()
    assert not out and err.startswith(f"eqwise: {says}") and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["5"], "figure '5': the figures are 3 and op"),
        ([], "the following arguments are required: 3|op"),
        (["3", "--colour"], "unrecognized arguments: --colour"),
        (["op"], "figure op needs --data FILE.csv"),
        (["3", "--data", "data.csv"], "figure 3 takes no --data"),
        (["op", "--data", "missing.csv"], "[Errno 2] No such file or directory: 'missing.csv'"),
        (["op", "--data", "."], "[Errno 21] Is a directory: '.'"),
        (["3", "--output", "no/such/folder.png"], "folder of the picture = 'no/such' must exist"),
        (["3", "--output", "figure.jpeg"], "picture = 'figure.jpeg' must end in .png, .svg, .pdf"),
        (["3", "--output", ""], "picture = '.' must end in"),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_4(words, says, tmp_path, monkeypatch, capsys):
    """Wrong names, options and paths are told in one line, without a traceback."""
    monkeypatch.chdir(tmp_path)
    assert command(*words) == 4
    out, err = capsys.readouterr()
    assert not out and err.startswith(f"eqwise: {says}") and err.count("\n") == 1
