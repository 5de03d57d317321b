"""What our own arithmetic promises, held against exact fractions: asked of the reference, and of no adapter."""

from fractions import Fraction

import numpy as np
from flint import arb, ctx

from eqwise.conformance.laws import built
from eqwise.reference import arithmetic, losses
from eqwise.spec.numbers.formats import FORMATS

DRAWN = 400
TINY, UNIT, LARGEST = Fraction(2) ** -1074, Fraction(1, 2**53), FORMATS["float64"].overflow


def numbers(rng, size, low=-1060, high=1010, apart=60):
    """Of either sign, of sizes between 2^low and 2^high, those of one row at most 2^apart from one another."""
    exponents = rng.integers(low + apart, high - apart, (size[0], 1)) + rng.integers(-apart, apart, size)
    return np.ldexp(rng.uniform(0.5, 1, size) * rng.choice([-1.0, 1.0], size), exponents)


def exactly(values):
    return [Fraction(float(value)) for value in values]


def errors(found, exact):
    """In halves of the last place of what is found, or of the smallest number where that is 0."""
    for value, wanted in zip(np.ravel(found).tolist(), exact, strict=True):
        place = Fraction(float(FORMATS["float64"].ulp(value))) / 2 if np.isfinite(value) else Fraction(1)
        yield float(abs(Fraction(value) - wanted) / place) if np.isfinite(value) else float("inf") if abs(wanted) < LARGEST else 0.0


@built("eq23")
def test_a_sum_keeps_what_rounding_loses(proof):
    """Two numbers add up to two numbers, exactly; to an infinity and 0 where they overflow."""
    a, b = numbers(np.random.default_rng(1), (DRAWN, 2)).T
    s, e = arithmetic.two_sum(a, b)
    proof.require(bool(np.all(s == a + b)), "the sum is rounded")
    for terms in zip(*map(exactly, (a, b, s, e)), strict=True):
        proof.require(terms[0] + terms[1] == terms[2] + terms[3], f"{terms}")
    with np.errstate(over="ignore", invalid="ignore"):
        far = arithmetic.two_sum(np.array([1.7e308, np.inf]), np.array([1.7e308, 1.0]))
    proof.require(np.isposinf(far[0]).all() and not far[1].any(), "beyond the largest number nothing is lost")


@built("eq28")
def test_a_product_keeps_what_rounding_loses(proof):
    """Two numbers multiply to two numbers, exactly where the smallest number allows it, also where 2²⁷ times one of them overflows."""
    rng = np.random.default_rng(2)
    a = numbers(rng, (DRAWN, 1))[:, 0]
    products = rng.uniform(-1073, 1022, DRAWN).astype(int)
    b = np.ldexp(rng.uniform(0.5, 1, DRAWN), np.clip(products - np.frexp(a)[1], -1020, 1023))
    with np.errstate(all="ignore"):
        p, e = arithmetic.two_product(a, b)
    for x, y, high, low in zip(*map(np.ndarray.tolist, (a, b, p, e)), strict=True):
        exact = Fraction(x) * Fraction(y)
        room = 0 if exact.denominator <= TINY.denominator else TINY
        proof.require(high == x * y and abs(Fraction(high) + Fraction(low) - exact) <= room, f"{x!r} times {y!r}")
    with np.errstate(all="ignore"):
        far = arithmetic.two_product(np.array([1e200, np.inf, 0.0]), np.array([1e200, 2.0, 5e-324]))
    proof.require(far[0].tolist() == [np.inf, np.inf, 0.0] and not far[1].any(), "beyond the largest number nothing is lost")


@built("eq72")
def test_a_product_leaves_the_range_only_where_it_must(proof):
    """Three factors of any size, whatever two of them multiply to."""
    factors = numbers(np.random.default_rng(3), (4 * DRAWN, 3), -1000, 1000, 900).T
    exact = [a * b * c for a, b, c in zip(*map(exactly, factors), strict=True)]
    with np.errstate(all="ignore"):
        found = arithmetic.product(*factors)
    proof.require(bool(np.any(found == 0) and np.any(np.isinf(found)) and np.mean(np.isfinite(found) & (found != 0)) > 0.3), "all kinds")
    for error in errors(found, exact):
        proof.require(error <= 4, f"{error} halves of the last place")
    proof.require(arithmetic.product(np.array([np.inf, 1e-300]), np.array([2.0, 1e-300])).tolist() == [np.inf, 0.0], "infinities stay")


@built("eq75")
def test_a_power_of_two_is_joined_last(proof):
    """ab·2^k where a·2^k alone, or ab, would leave the range."""
    rng = np.random.default_rng(4)
    a, b, k = numbers(rng, (DRAWN, 1))[:, 0], rng.uniform(0.1, 10, DRAWN), rng.integers(-1500, 1500, DRAWN)
    exact = [Fraction(x) * Fraction(y) * Fraction(2) ** int(n) for x, y, n in zip(a.tolist(), b.tolist(), k, strict=True)]
    with np.errstate(all="ignore"):
        found = arithmetic.times_power(a, b, k)
    for error in errors(found, exact):
        proof.require(error <= 2, f"{error} halves of the last place")


@built("eq10")
def test_a_product_with_an_exponential_leaves_the_range_only_where_it_must(proof):
    """c·eᶻ for all z at which it is a number, though eᶻ is none."""
    rng = np.random.default_rng(5)
    z = np.concatenate([rng.uniform(-1400, 1400, DRAWN), rng.uniform(-600, 600, DRAWN)])
    c = np.ldexp(rng.uniform(0.5, 1, z.size), np.clip(-z / np.log(2) + rng.uniform(-40, 40, z.size), -1020, 1020).astype(int))
    with np.errstate(all="ignore"):
        found = arithmetic.times_exp(c, z)
    for x, y, value in zip(c.tolist(), z.tolist(), found.tolist(), strict=True):
        exact = arb(x) * arb(y).exp()
        room = 16 * abs(exact) * arb((1, -53)) + arb((1, -1074))
        proof.require(bool(abs(arb(value) - exact) < room) and ctx.prec >= 53, f"{x!r} times the exponential of {y!r}")


@built("eq10")
def test_a_quotient_is_rounded_about_once(proof):
    """n/(d + e)² for e below the last place of d, of any size."""
    rng = np.random.default_rng(6)
    d = np.concatenate([rng.uniform(1, 2, DRAWN), 1 + np.exp(rng.uniform(-40, 40, DRAWN))])
    low, n = d * rng.uniform(-1, 1, d.size) * 2.0**-54, numbers(rng, (d.size, 1))[:, 0]
    exact = [x / (y + e) ** 2 for x, y, e in zip(*map(exactly, (n, d, low)), strict=True)]
    with np.errstate(all="ignore"):
        found = arithmetic.divided(n, d, low)
    for error in errors(found, exact):
        proof.require(error <= 1.001, f"{error} halves of the last place")


@built("eq25")
def test_a_long_sum_is_rounded_about_once(proof):
    """As if it were summed exactly, then rounded, whatever cancels; what its rounding loses is the second number."""
    rng = np.random.default_rng(7)
    for length in (0, 1, 2, 3, 4, 7, 8, 33, 100):
        x, y = numbers(rng, (20, length), -300, 300, 30), numbers(rng, (20, max(length - 1, 0)), -300, 300, 30)
        x[:, 1:2] = -x[:, :1] * (length > 1) if length != 1 else x[:, 1:2]
        exact = [sum(exactly(row), Fraction(0)) for row in np.concatenate([x, y], axis=1)]
        sizes = np.abs(np.concatenate([x, y], axis=1)).sum(axis=1)
        total, lost = arithmetic.summed_in_two(x, y)
        for value, high, low, wanted, size in zip(arithmetic.summed(x, y), total, lost, exact, exactly(sizes), strict=True):
            room = size * UNIT**2 * 2 * length
            proof.require(abs(Fraction(high) + Fraction(low) - wanted) <= room, f"the two numbers of {length} terms")
            place = Fraction(float(FORMATS["float64"].ulp(value))) / 2
            proof.require(abs(Fraction(value) - wanted) <= place + room, f"the sum of {length} terms")


@built("eq35")
def test_a_tube_may_be_as_wide_as_the_range(proof):
    """A difference beyond the largest number, less an epsilon that brings it back."""
    found = losses.epsilon_insensitive(np.array([1.5e308, -1e308]), np.array([-1e308, 1.5e308]), epsilon=1.25e308)
    proof.require(found.tolist() == [1.25e308, 1.25e308], f"{found.tolist()}")
    proof.require(losses.epsilon_insensitive(np.array([1.5e308]), np.array([-1e308]), epsilon=0.1).tolist() == [np.inf], "no number")


@built("eq18")
def test_the_sum_of_the_others_has_no_cancellation(proof):
    """Of positive numbers, each sum as accurate as its terms are many."""
    x = np.abs(numbers(np.random.default_rng(8), (50, 9), -300, 300, 40))
    for row, found in zip(x, arithmetic.others(x), strict=True):
        terms = exactly(row)
        for k, value in enumerate(exactly(found)):
            wanted = sum(terms[:k] + terms[k + 1 :])
            proof.require(abs(value - wanted) <= 9 * UNIT * wanted, f"without component {k}")


@built("eq15")
def test_the_gradient_of_what_is_shared_is_a_sum(proof):
    """Over every axis that an input was spread along, and over those that it lacks; into its own shape."""
    gradient = np.arange(60.0).reshape(3, 4, 5)
    for shape in ((), (1,), (5,), (4, 1), (1, 5), (3, 1, 5), (3, 4, 5), (1, 1, 1), (1, 4, 5)):
        like = np.zeros(shape)
        wanted = np.zeros(shape)
        for index in np.ndindex(3, 4, 5):
            own = index[3 - len(shape) :]
            wanted[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))] += gradient[index]
        found = arithmetic.reduced_to(gradient, like)
        proof.require(found.shape == shape and bool(np.all(found == wanted)), f"into {shape}")
    single = np.ones((1, 4))
    proof.require(arithmetic.reduced_to(single, np.zeros((1, 4))).shape == (1, 4), "an axis of length 1 stays")
