// FRAMEWORK for eqwise: `eqwise run "stdio:node PATH"`. Whatever has no entry in the table is not offered.
//
// An adapter renames, transposes and rescales by constants that the framework documents; it contains none of the mathematics.
// The table below is yours: add a line for each operation of eqwise/conformance/adapter.py that the framework has. The messages
// under it are those of eqwise-stdio/1; `eqwise check-adapter "stdio:node PATH"` tells whether they are kept.

import readline from "node:readline";

class NotOffered extends Error {} // throw new NotOffered("why") for a case that the framework lacks

// operations: inputs by position, then the hyper-parameters in one object; arrays are {dtype, shape, data}, data a Float64Array

const operations = {
  identity: (x) => mapped(x, (value) => value),
  // softplus: (x) => mapped(x, (value) => myframework.softplus(value)),
  // elu: (x, { alpha }) => mapped(x, (value) => myframework.elu(value, alpha)),
  // softmax: (x) => own(myframework.softmax(theirs(x))),
};

const mapped = ({ dtype, shape, data }, f) => ({ dtype, shape, data: data.map((value) => f(value)) }); // element by element

const HELLO = {
  protocol: "eqwise-stdio/1",
  name: "NAME",
  version: "0", // the framework's
  dtypes: ["float64"],
  operations: Object.keys(operations), // and "vjp", with a method of that name below, where the framework has gradients
};

// requests and answers, a JSON object on each line

const METHODS = {
  hello: () => HELLO,
  echo: ({ value }) => sent(taken(value)),
  call({ operation, inputs, hyper }) {
    if (!Object.hasOwn(operations, operation)) throw new NotOffered(`no operation ${operation}`);
    const named = Object.fromEntries(Object.entries(hyper ?? {}).map(([name, value]) => [name, taken(value)]));
    return sent(operations[operation](...inputs.map(taken), named));
  },
};

function taken(value) {
  if (Array.isArray(value)) return value.map(taken);
  if (value === null || typeof value !== "object") return value;
  if ("float64" in value) return Buffer.from(value.float64, "base64").readDoubleLE();
  if (value.dtype !== "float64") throw new NotOffered(`no ${value.dtype}`);
  const bytes = Uint8Array.from(Buffer.from(value.data, "base64"));
  return { dtype: value.dtype, shape: value.shape, data: new Float64Array(bytes.buffer) };
}

function sent(value) {
  if (Array.isArray(value)) return value.map(sent);
  if (typeof value === "number") return { float64: Buffer.from(new Float64Array([value]).buffer).toString("base64") };
  if (!(value?.data instanceof Float64Array)) return value ?? null;
  const { dtype, shape, data } = value;
  return { dtype, shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
}

function answer(line) {
  let id = null;
  try {
    const request = JSON.parse(line);
    id = request.id;
    if (!Object.hasOwn(METHODS, request.method)) throw new NotOffered(`no method ${request.method}`);
    return { id, result: METHODS[request.method](request) };
  } catch (error) {
    if (error instanceof NotOffered) return { id, not_offered: error.message };
    return { id, error: { type: error.name, message: error.message } };
  }
}

console.log = console.error; // standard output is for messages alone
for await (const line of readline.createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(answer(line))}\n`);
