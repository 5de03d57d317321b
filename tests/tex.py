"""Evaluates the TeX that the notes print, knowing nothing of its transcription.

A recursive descent over tokens; values are mpmath numbers, and vectors and matrices are NumPy object arrays of them.
A sum runs its body once for every index; a name with an index picks a component.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

TOKEN = re.compile(r"\\begin\{cases\}|\\end\{cases\}|\\(?:mathbf|text|bar)\{\w+\}|\\\\|\\[{}]|\\[a-zA-Z]+|\d+|[a-zA-Z]|\S")
DROPPED = re.compile(r"\\quad.*$|\\left|\\right|\\;|\\,|\\cdot(?!s)")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "\\log": mp.log, "\\ln": mp.log, "\\exp": mp.exp, "\\tanh": mp.tanh, "\\max": max,
    "\\sqrt": mp.sqrt,
}  # fmt: skip
ENDS = ("", "\\odot", "+", "-", ")", "}", "\\}", "]", ",", "&", "\\\\", ">", "\\leq", "\\in", "\\end{cases}")  # of a product
SIDES = re.compile(r"^(y|E|F|R\^2|\\text\{\w+\}|f\(\w(_\w)?\)|\\sigma\(x\)|\\mathbf\{[hy]\})$")


def evaluate(tex: str, names: dict[str, Any]) -> list[Any]:
    """The value of every member of a chain of equalities, without the left side that it defines."""
    members = [member.strip() for member in re.split(r"(?<!_)(?<!\{[ij])=", DROPPED.sub("", tex))]
    return [_Parser(member, names).whole() for member in members if member and not SIDES.match(member)]


class _Parser:
    def __init__(self, tex: str, names: dict[str, Any]) -> None:
        self.tokens, self.at, self.names = TOKEN.findall(tex), 0, names
        self.index: dict[str, int] = {}
        self.bars = 0  # absolute values and norms that are open

    def whole(self) -> Any:
        value = self.sum()
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return value

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        assert not expected or token in expected, (token, expected, self.tokens)
        self.at += 1
        return token

    def sum(self) -> Any:
        value = self.term()
        while self.peek() in ("+", "-"):
            value = value + self.term() if self.take() == "+" else value - self.term()
        return value

    def term(self) -> Any:
        if self.peek() == "-":
            self.take()
            return -self.term()
        value = self.product()
        while self.peek() == "\\odot":
            self.take()
            value = value * self.product()
        return value

    def product(self) -> Any:
        value = self.power()
        while not self.ends():
            factor = self.power()
            value = value @ factor if isinstance(value, np.ndarray) and isinstance(factor, np.ndarray) else value * factor
        return value

    def ends(self) -> bool:
        """Whether a product ends here; a bar ends one where it closes."""
        return self.peek() in ENDS or (self.peek() == "|" and self.bars > 0)

    def power(self) -> Any:
        value = self.atom()
        while self.peek() == "^":
            self.take()
            exponent = self.braced() if self.peek() == "{" else self.atom_or_sign()
            value = value.T if isinstance(exponent, str) else value**exponent
        return value

    def atom_or_sign(self) -> Any:
        return self.take() if self.peek() in ("T", "\\top") else self.atom()

    def braced(self) -> Any:
        self.take("{")
        value = "T" if self.peek() == "\\top" and self.take() else self.sum()
        self.take("}")
        return value

    def atom(self) -> Any:
        token = self.take()
        if token in ("(", "[", "\\{", "{"):
            value = self.sum()
            self.take({"(": ")", "[": "]", "\\{": "\\}", "{": "}"}[token])
            return value
        if token == "|":
            self.bars += 1
            value = self.sum()
            self.take("|")
            self.bars -= 1
            return abs(value)
        if token.isdigit():
            return mp.mpf(token)
        if token == "\\frac":
            return self.braced() / self.braced()
        if token == "\\sum":
            return self.total()
        if token == "\\begin{cases}":
            return self.cases()
        return self.named(token)

    def named(self, token: str) -> Any:
        if token == "e" and self.peek() == "^":
            self.take()
            return mp.exp(self.braced() if self.peek() == "{" else self.atom())
        if token in FUNCTIONS:
            return FUNCTIONS[token](*(self.arguments() if self.peek() in ("(", "\\left") else [self.power()]))
        name = token + self.marks()
        value = self.names[name]
        return value(*self.arguments()) if callable(value) else value[self.subscript()] if self.peek() == "_" else value

    def marks(self) -> str:
        """What belongs to the name: the layer in W^{(1)}, the index of b_1 where that is how it is called."""
        rest = "".join(self.tokens[self.at : self.at + 6])
        layer = re.match(r"\^\{\((\d)\)", rest)
        if layer:
            self.tokens[self.at + 2 : self.at + 5] = []  # what is left is ^{\top}
            return f"^({layer[1]})"
        number = re.match(r"_(\d)", rest)
        if number and f"{self.tokens[self.at - 1]}_{number[1]}" in self.names:
            self.at += 2
            return f"_{number[1]}"
        return ""

    def arguments(self) -> list[Any]:
        self.take("(")
        found = [self.sum()]
        while self.peek() == ",":
            self.take()
            found.append(self.sum())
        self.take(")")
        return found

    def subscript(self) -> int:
        self.take("_")
        letters = [self.take()]
        if letters == ["{"]:
            letters = []
            while self.peek() != "}":
                letters.append(self.take())
            self.take("}")
        known = [letter for letter in letters if letter in self.index or letter.isdigit()]
        return self.index[known[-1]] if known[-1] in self.index else int(known[-1]) - 1

    def total(self) -> Any:
        """Σ over an index: its bounds are those of the vectors in the body, whatever the limits say."""
        self.take("_")
        if self.peek() == "{":
            self.take("{")
            index = self.take()
            while self.take() != "}":
                pass
        else:
            index = self.take()
        if self.peek() == "^":
            self.at += 2
        start, value = self.at, mp.mpf(0)
        for k in range(self.names["n"]):
            self.at, self.index[index] = start, k
            value += self.term()
        return value

    def cases(self) -> Any:
        chosen = None
        while self.peek() != "\\end{cases}":
            value = self.sum()
            self.take("&")
            if self.condition() and chosen is None:
                chosen = value
            if self.peek() == "\\\\":
                self.take()
        self.take("\\end{cases}")
        return chosen

    def condition(self) -> bool:
        self.take("(")
        if self.peek().startswith("\\text"):
            self.take()
            self.take(")")
            return True
        left, relation = self.sum(), self.take(">", "\\leq", "\\in")
        if relation == "\\in":
            self.take("[")
            low = self.sum()
            self.take(",")
            high = self.sum()
            self.take("]")
            holds = low <= left <= high
        else:
            right = self.sum()
            holds = left > right if relation == ">" else left <= right
        self.take(")")
        return bool(holds)
