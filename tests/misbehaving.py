"""An adapter of eqwise-stdio/1 in plain Python whose tanh misbehaves in the way that it is told; softplus is right.

``python misbehaving.py FAULT``, a fault of `TANH`, of `HELLO` or of `ECHO`, or another that stands below. It imports nothing
that takes time.
"""

import base64
import json
import math
import os
import signal
import struct
import sys
import time

CODES = {"float64": "d", "float32": "f"}


def numbers(tensor):
    data = base64.b64decode(tensor["data"])
    return struct.unpack(f"<{math.prod(tensor['shape'])}{CODES[tensor['dtype']]}", data)


def tensor(values, dtype, shape):
    data = base64.b64encode(struct.pack(f"<{len(values)}{CODES[dtype]}", *values)).decode()
    return {"dtype": dtype, "shape": list(shape), "data": data}


def mapped(function, x, dtype=None):
    return tensor([function(value) for value in numbers(x)], dtype or x["dtype"], x["shape"])


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def say(message):
    write(json.dumps(message) + "\n")


def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def crash():
    sys.stderr.write("loading\nboom: no such kernel\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def closed():
    os.close(1)
    time.sleep(1000)


def doubled(line):
    write(2 * (json.dumps(line) + "\n"))


def ask_for_ever(number, theta):
    for count in range(1 << 40):
        say({"id": number, "callback": count, "function": 0, "inputs": [theta]})
        sys.stdin.readline()


TANH = {  # what it does instead of answering request n about x
    "banner": lambda n, x: [write("Welcome to Deep Learning 3.0!\n"), say({"id": n, "result": mapped(math.tanh, x)})],
    "garbage": lambda n, x: write("\x00\xff{{{ \x1b[31m\n"),
    "wrong-id": lambda n, x: say({"id": n - 1, "result": mapped(math.tanh, x)}),
    "no-id": lambda n, x: say({"result": mapped(math.tanh, x)}),
    "half": lambda n, x: [write('{"id": 7, "res'), os._exit(0)],
    "crash": lambda n, x: crash(),
    "exit": lambda n, x: os._exit(3),
    "hang": lambda n, x: time.sleep(1000),
    "closed": lambda n, x: closed(),
    "unended": lambda n, x: [write(json.dumps({"id": n, "result": mapped(math.tanh, x)})), time.sleep(1000)],
    "bare": lambda n, x: say({"id": n, "result": 0.5}),
    "nothing": lambda n, x: say({"id": n}),
    "both": lambda n, x: say({"id": n, "result": None, "not_offered": "both"}),
    "nan": lambda n, x: write(f'{{"id": {n}, "result": NaN}}\n'),
    "deep": lambda n, x: write(f'{{"id": {n}, "result": {"[" * 100_000}\n'),
    "narrow": lambda n, x: say({"id": n, "result": mapped(math.tanh, x, "float32")}),
    "shape": lambda n, x: say({"id": n, "result": tensor([0.5], "float64", [1])}),
    "short": lambda n, x: say({"id": n, "result": {**mapped(math.tanh, x), "shape": [1 << 40]}}),
    "dtype": lambda n, x: say({"id": n, "result": {**mapped(math.tanh, x), "dtype": "float128"}}),
    "base64": lambda n, x: say({"id": n, "result": {**mapped(math.tanh, x), "data": "?"}}),
    "null": lambda n, x: say({"id": n, "result": None}),
    "object": lambda n, x: say({"id": n, "result": {"thing": 1}}),
    "huge": lambda n, x: write("x" * (1 << 21)),
    "callback": lambda n, x: say({"id": n, "callback": 1, "function": 0, "inputs": []}),
    "raises": lambda n, x: say({"id": n, "error": {"type": "ValueError", "message": "no tanh today"}}),
    "refuses": lambda n, x: say({"id": n, "not_offered": "not on Sundays"}),
    "chatty": lambda n, x: [sys.stderr.write("noise\n" * 100_000), say({"id": n, "result": mapped(math.tanh, x)})],
}

HELLO = {
    "banner-at-start": lambda n: write("Welcome to Deep Learning 3.0!\n"),
    "exit-at-start": lambda n: [sys.stderr.write("no \x1b[31mlicence\n"), sys.stderr.flush(), os._exit(5)],
    "silent": lambda n: time.sleep(1000),
    "version-2": lambda n: say({"id": n, "result": {**ME, "protocol": "eqwise-stdio/2"}}),
    "no-name": lambda n: say({"id": n, "result": {name: value for name, value in ME.items() if name != "name"}}),
    "half-hello": lambda n: say({"id": n, "result": {**ME, "dtypes": ["half"]}}),
    "no-dtypes": lambda n: say({"id": n, "result": {**ME, "dtypes": []}}),
    "no-operations": lambda n: say({"id": n, "result": {**ME, "operations": []}}),
    "list": lambda n: say({"id": n, "result": []}),
    "refuses-to-start": lambda n: say({"id": n, "error": {"type": "ValueError", "message": "no option\n\x1b[31m colour"}}),
}

ECHO = {
    "positive-zero": lambda value: mapped(lambda x: x + 0.0, value) if "dtype" in value else value,
    "flat": lambda value: {**value, "shape": [math.prod(value["shape"])]} if "dtype" in value else value,
    "loses-digits": lambda value: {"float64": base64.b64encode(struct.pack("<d", float("nan"))).decode()} if "float64" in value else value,
}

ME = {
    "protocol": "eqwise-stdio/1",
    "name": "misbehaving",
    "version": "1",
    "dtypes": ["float64"],
    "operations": ["tanh", "softplus", "sgd"],
}


def answer(fault, request):
    number, method = request["id"], request["method"]
    if method == "hello":
        if fault == "asks-for-ever":
            return say({"id": number, "result": {**ME, "operations": ["numerical_gradient"]}})
        if fault == "misspelt":
            return say({"id": number, "result": {**ME, "operations": ["sofplus", "tanh"]}})
        return HELLO.get(fault, lambda n: say({"id": n, "result": ME}))(number)
    if method == "echo":
        return say({"id": number, "result": ECHO.get(fault, lambda value: value)(request["value"])})
    if method not in ("call", "invoke", "release"):
        return say({"id": number, "not_offered": "no such method"} if fault != "any-method" else {"id": number, "result": None})
    if request.get("operation") == "tanh":
        return TANH[fault](number, request["inputs"][0])
    if request.get("operation") == "softplus":
        return say({"id": number, "result": mapped(softplus, request["inputs"][0])})
    if request.get("operation") == "numerical_gradient":
        return ask_for_ever(number, request["inputs"][1])
    if method == "call" and request["operation"] not in ME["operations"] and fault != "any-operation":
        return say({"id": number, "not_offered": "no such operation"})
    if request.get("operation") == "sgd":
        return say({"id": number, "result": {"object": 1, "methods": ["step"], "attributes": []}})
    return say({"id": number, "result": request.get("inputs", [None])[0] if method == "invoke" else None})


if __name__ == "__main__":
    for line in sys.stdin:
        answer(sys.argv[1], json.loads(line))
