"""Several clauses in a word."""


def cited(clauses: tuple[str, ...]) -> str:
    """The clauses in a test's id; three or more equations in a row as the first and the last: eq40..eq56+s9-cost."""
    rest = list(clauses)
    words = []
    while rest:
        row = next(n for n in range(len(rest), 0, -1) if n == 1 or _in_a_row(rest[:n]))
        words.append(f"{rest[0]}..{rest[row - 1]}" if row > 2 else "+".join(rest[:row]))
        del rest[:row]
    return "+".join(words)


def _in_a_row(clauses: list[str]) -> bool:
    numbers = [int(key.removeprefix("eq")) for key in clauses if key.startswith("eq")]
    return numbers == list(range(numbers[0], numbers[0] + len(clauses))) if numbers else False
