"""The tests of randomness themselves: their bounds, what they cost in false alarms, and what they find."""

from fractions import Fraction
from functools import partial
from math import comb

import numpy as np
import pytest
from scipy import special, stats

from eqwise.conformance import chance, draws, dropout_factors, initialization
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.chance import LEVEL, judged
from eqwise.conformance.draws import NORMAL, UNIFORM, Draws, standardised, truncated
from eqwise.conformance.initialization import Layers, findings
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.spec.distributions import normal, uniform
from eqwise.spec.document import AS_PRINTED, EQUATIONS, reading_as
from eqwise.spec.numbers.expression import number
from eqwise.spec.numbers.formats import FORMATS
from false_alarms import LAWS, of_masks, of_weights, run

SIZE = 1 << 20


def test_binomial_tails_are_exact():
    """Against sums of exact fractions, far into both tails."""
    for p in (Fraction(1, 8), Fraction(1, 2), Fraction(3, 4)):
        terms = [comb(60, k) * p**k * (1 - p) ** (60 - k) for k in range(61)]
        for k in range(61):
            exact = min(1, 2 * sum(terms[: k + 1]), 2 * sum(terms[k:]))
            assert chance.binomial(k, k, 60, float(p)) == pytest.approx(float(exact), rel=1e-9)
        np.testing.assert_allclose(chance.exactly(float(p), 60), [float(term) for term in terms], rtol=1e-11)


def test_unknown_counts_and_probabilities_excuse():
    """A count known to lie between two, or a probability known to some slack, can only raise the bound."""
    for k in range(50, 1000, 50):
        assert chance.binomial(k - 5, k + 5, 1000, 0.5) >= chance.binomial(k, k, 1000, 0.5)
        assert chance.binomial(k, k, 1000, 0.5, 0.01) >= max(chance.binomial(k, k, 1000, q) for q in (0.49, 0.495, 0.505, 0.51))
    assert chance.binomial(0, 0, 9, 0.0) == 1 and chance.binomial(1, 1, 9, 0.0) == 0


def test_bounds_bound():
    """Exact probabilities lie below those that are bounded, and chi-squared is exact."""
    for t in (0.5, 1.0, 3.0, 7.0):
        assert chance.sub_gaussian(t, 4.0) >= chance.gaussian(t, 4.0) == pytest.approx(2 * stats.norm.sf(t / 2))
        assert chance.kolmogorov(t / 30, 900) >= stats.kstwo.sf(t / 30, 900)
        assert chance.hoeffding(t / 60, 900, 1.0) >= stats.binom.sf(450 + 15 * t - 1e-9, 900, 0.5)
        for degrees in (1, 10, 1000):
            most = degrees + t * degrees**0.5
            assert chance.squared_length(most, degrees) >= stats.chi2.sf(most, degrees)
            exact = 2 * min(stats.chi2.sf(most, degrees), stats.chi2.cdf(most, degrees))
            assert chance.chi_squared(most, most, degrees) == pytest.approx(exact, rel=1e-9)


def test_repetitions_are_bounded():
    """Of equally likely numbers, by the birthday problem; simulated, and exactly for the first repetition."""
    rng, likeliest = np.random.default_rng(4), 1 / 4096
    found = np.array([512 - len(np.unique(rng.integers(0, 4096, 512))) for _ in range(4000)])
    for count in range(1, 60):
        assert np.mean(found >= count) <= chance.repeats(count, 512, likeliest) + 0.03
    assert 1 - np.prod(1 - np.arange(10) / 4096) <= chance.repeats(1, 10, likeliest) <= 1
    assert chance.repeats(SIZE // 3, SIZE, 2.0**-22) < LEVEL < chance.repeats(SIZE // 8, SIZE, 2.0**-22)


@pytest.mark.parametrize(
    ("law", "known"), [(UNIFORM, stats.uniform(-1, 2)), (NORMAL, stats.norm()), (truncated(2), stats.truncnorm(-2, 2))]
)
def test_distributions_are_scipys(law, known):
    """Distribution function, tails, variance, peak."""
    z = np.linspace(-3, 3, 601)
    np.testing.assert_allclose(law.cumulative(z), known.cdf(z), atol=1e-15)
    assert law.variance == pytest.approx(known.var()) and law.largest == known.support()[1]
    for q in (0.5, 2.0**-4, 2.0**-12):
        assert 2 * known.sf(law.beyond(q)) == pytest.approx(q, rel=1e-9)
    assert (np.maximum(np.abs(z), 1) * known.pdf(z)).max() <= law.peak * (1 + 1e-12)
    middles = np.arange(-15, 15, 1e-4) + 5e-5
    for t in (0.3, 1.0, 4.0):  # log E exp(tz) ≤ t²·proxy/2
        assert np.log(np.sum(np.exp(t * middles) * known.pdf(middles)) * 1e-4) <= t * t * law.proxy / 2 + 1e-9


def test_laws_become_standard_ones():
    """Units by hand; a law that does not lie around 0 is refused."""
    assert standardised(uniform(-1, 1)) == (UNIFORM, 1.0)
    assert standardised(normal(0, Fraction(1, 4))) == (NORMAL, 0.25)
    cut, unit = standardised(normal(0, 1, within=2, rescaled=True))
    assert unit * cut.variance**0.5 == pytest.approx(1) and 1 / unit == pytest.approx(0.8796256610342398)
    for law in (uniform(0, 1), normal(1, 1)):
        with pytest.raises(ValueError, match="around 0"):
            standardised(law)


def test_false_alarms_add_up_to_no_more_than_promised():
    """The tests of a whole run, counted, times the level of each."""
    tests = len(run(np.random.default_rng(1), 32)) + len(FORMATS) * len(dropout_factors.EXACT)
    assert tests <= chance.MOST_TESTS and tests * LEVEL <= chance.FALSE_ALARM == 1e-9
    assert not judged(of_weights(70, "float64", np.random.default_rng(2))).alarm


SIMULATED = {f"{dtype}-{number}": partial(of_weights, number, dtype) for dtype in FORMATS for number in LAWS} | {"masks": of_masks}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulations_raise_no_alarm(name):
    """125 of each law in each dtype, 2,000 in all, and of masks, at reduced size; no test undercuts 1 % more often than chance has it."""
    rng = np.random.default_rng(3)
    found = np.array([[finding.probability for finding in SIMULATED[name](rng=rng, size=64)] for _ in range(125)])
    assert found.min() > LEVEL
    assert special.bdtrc(np.count_nonzero(found < 0.01, axis=0) - 1, len(found), 0.01).min() > 1e-6


def _first(z, dtype="float64", law=NORMAL):
    return judged(Draws(z.reshape(2048, 512), law, FORMATS[dtype]).findings())


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_one_percent_of_the_deviation_is_found_with_certainty(factor):
    """14 standard errors at 2²⁰ numbers, of which the level takes 7.3: chance hides it with probability 1e-11."""
    error = 1 / np.sqrt(2 * SIZE)  # of a deviation that is estimated from so many normal numbers, relatively
    taken = float(-special.ndtri(LEVEL / 2))
    hidden = special.ndtr(-(0.01 / error - taken) / factor)
    assert 14 < 0.01 / error < 15 and 7.2 < taken < 7.4 and hidden < 1e-11
    for dtype in ("float64", "float32", "float16"):
        for seed in range(5):
            z = np.random.default_rng(seed).normal(size=SIZE) * factor
            assert "deviation" in str(_first(FORMATS[dtype].round(z), dtype).alarm)


def test_rounding_to_any_dtype_is_no_alarm_at_full_size():
    """Rounded once, whatever the unit, bfloat16 included; to twice that spacing it is still excused, to eight times not."""
    rng = np.random.default_rng(5)
    for dtype, target in FORMATS.items():
        for unit in (1.0, 0.7, 1 / 3):
            assert not _first(target.round(rng.normal(size=SIZE) * unit) / unit, dtype).alarm
    coarse = np.round(rng.normal(size=SIZE) * 16) / 16
    assert _first(coarse, "float16").alarm and not _first(FORMATS["bfloat16"].round(rng.normal(size=SIZE)), "bfloat16").alarm


FINE = {  # generators that are in use
    "23 bits": lambda r: r.random(SIZE, np.float32) * 2 - 1,
    "the inverse distribution of 23 bits": lambda r: special.ndtri((r.integers(0, 2**23, SIZE) + 0.5) / 2**23),
    "Box and Muller's of 24 bits": lambda r: np.sqrt(-2 * np.log(1 - r.random(SIZE, np.float32))) * np.cos(2 * np.pi * r.random(SIZE)),
}
COARSE = {
    "float16": lambda r: r.normal(size=SIZE).astype(np.float16),
    "20 bits": lambda r: r.integers(0, 2**20, SIZE) / 2**19 - 1,
    "the inverse distribution of 20 bits": lambda r: special.ndtri((r.integers(0, 2**20, SIZE) + 0.5) / 2**20),
}


@pytest.mark.parametrize("name", [*FINE, *COARSE])
def test_coarse_grids_are_found_and_usual_generators_are_not(name):
    """Of 2²² numbers that are equally likely, 2²⁰ draws repeat an eighth at most; of 2²⁰ they repeat a third."""
    law = UNIFORM if name in ("23 bits", "20 bits") else NORMAL
    for dtype in ("float32", "float64"):
        z = FORMATS[dtype].round(({**FINE, **COARSE}[name](np.random.default_rng(8))).astype(np.float64))
        judgement = _first(z, dtype, law)
        assert bool(judgement.alarm) == (name in COARSE), judgement
        assert name in FINE or "numbers differ" in str(judgement.alarm)


@pytest.mark.parametrize(
    ("change", "finding"), [(lambda z: np.clip(z, -4.2, 4.2), draws.tails), (lambda z: z + 0.007, draws.mean)]
)
def test_all_layers_together_show_more(change, finding):
    """Tails of one in 65,536, and a mean of 0.007 deviations; unchanged, the same layers raise no alarm."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        drawn = [rng.normal(size=shape) for shape in initialization.LARGE]
        changed, same = ([Draws(f(z), NORMAL, FORMATS["float32"]) for z in drawn] for f in (change, np.positive))
        assert finding(changed).alarms and not finding(same).alarms


DEPENDENT = {  # ways to depend that leave every single number normal
    "signs that alternate": lambda r, z: np.abs(z) * np.resize([1, -1], z.shape),
    "a size shared by neighbours": lambda r, z: np.abs(np.repeat(z[:, ::2], 2, axis=1)) * r.choice([-1, 1], z.shape),
    "tiles of 64 with signs of their own": lambda r, z: np.tile(z[:, :64], (1, 8)) * r.choice([-1, 1], (2048, 8)).repeat(64, axis=1),
    "the second half the negative of the first": lambda r, z: np.vstack([z[:1024], -z[:1024]]),
    "the same backwards": lambda r, z: np.vstack([z[:1024], z[1023::-1, ::-1]]),
    "a little in common for each row": lambda r, z: np.sqrt(0.999) * z + np.sqrt(0.001) * r.normal(size=(2048, 1)),
    "a little in common for each column": lambda r, z: np.sqrt(0.999) * z + np.sqrt(0.001) * r.normal(size=(1, 512)),
    "a correlation of 2 % along rows": lambda r, z: z + 0.02 * np.roll(z, 1, axis=1),
    "one column of zeros": lambda r, z: z * (np.arange(512) != 77),
    "one row of half the size": lambda r, z: z * np.where(np.arange(2048) == 77, 0.5, 1)[:, None],
    "rows brought to one length": lambda r, z: z / np.sqrt(np.square(z).mean(axis=1, keepdims=True)),
    "columns brought to one length": lambda r, z: z / np.sqrt(np.square(z).mean(axis=0)),
    "a correlation of 3 % three places apart": lambda r, z: z + 0.03 * np.roll(z.ravel(), 3).reshape(z.shape),
    "a thirtieth of the variance of rank one": lambda r, z: (z * 29**0.5 + r.normal(size=(2048, 1)) * r.normal(size=512)) / 30**0.5,
    "rows centred": lambda r, z: (z - z.mean(axis=1, keepdims=True)) * np.sqrt(512 / 511),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_dependence_is_found(name):
    """In every one of five draws."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        z = DEPENDENT[name](rng, rng.normal(size=(2048, 512)))
        assert judged(Draws(z, NORMAL, FORMATS["float32"]).findings()).alarm, seed


def test_repetitions_are_found():
    """Eight numbers in a row that come again, anywhere."""
    z = np.random.default_rng(6).normal(size=10_000)
    assert chance.repeated_run(z, 8) is None
    z[9000:9008] = z[17:25]
    assert chance.repeated_run(z, 8) == (17, 9000) and chance.repeated_run(z, 16) is None
    assert chance.repeated_run(np.zeros(20), 8) is not None and chance.repeated_run(z[:5], 8) is None


@pytest.mark.parametrize(("equation", "name"), [(n, name) for n in LAWS for name in (AS_PRINTED, *EQUATIONS[n].readings)])
def test_readings_are_told_apart(equation, name):
    """Weights of one reading alarm under every other one of the equation, at the sizes of the suite."""
    rng, groups = np.random.default_rng(7), []
    for shape, size in ((initialization.WIDE, SIZE), (initialization.TALL, SIZE), (initialization.SMALL[0], 8 * initialization.SEEDS)):
        with reading_as({equation: name}):
            law, unit = standardised(EQUATIONS[equation](*map(number, shape)))
        z = {UNIFORM: lambda n: rng.uniform(-1, 1, n), NORMAL: rng.standard_normal}.get(law, lambda n: _cut(rng, n))(size)
        groups.append([Layers((unit * z).reshape(-1, max(8, shape[1])), shape)])
    for other in (AS_PRINTED, *EQUATIONS[equation].readings):
        assert bool(judged(findings(equation, other, groups, FORMATS["float32"])).alarm) == (other != name), other


def _cut(rng, size):
    low = special.ndtr(-2.0)
    return special.ndtri(rng.uniform(low, 1 - low, size))


class FewSeeds(ReferenceAdapter):
    """Seeds of 24 bits, as a float in single precision holds them."""

    seed_bits = 24

    def gauss(self, shape, seed, dtype):
        return ReferenceAdapter.gauss(shape, seed % 2**self.seed_bits, dtype)


class FewerSeeds(FewSeeds):
    """One bit less than is said."""

    def gauss(self, shape, seed, dtype):
        return ReferenceAdapter.gauss(shape, seed % 2**23, dtype)


class SaidToBeAll(FewSeeds):
    """Seeds of 24 bits that are not said to be so few."""

    seed_bits = 32

    def gauss(self, shape, seed, dtype):
        return ReferenceAdapter.gauss(shape, seed % 2**24, dtype)


def test_frameworks_may_have_fewer_seeds():
    """All bits that there are must matter, and no others."""
    gauss = OPERATIONS["gauss"]
    for adapter, verdict in ((FewSeeds, "conforms"), (FewerSeeds, "deviates"), (SaidToBeAll, "deviates")):
        session = Session(adapter(), effort="smoke")
        assert checks_of(gauss)["distribution"](session, gauss, "float32").verdict == verdict, adapter
