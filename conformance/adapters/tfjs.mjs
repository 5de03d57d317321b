// TensorFlow.js by its public API, in plain JavaScript on the CPU; gradients by its automatic differentiation.
//
// A table of operations, what keeps a state, and the messages of eqwise-stdio/1 (conformance/stdio/README.md). It looks for
// @tensorflow/tfjs where Node.js does: beside this file and above it, in the folders of NODE_PATH, and from where it runs.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

console.log = console.info = console.warn = console.error; // standard output is for messages alone

class NotOffered extends Error {}

const tf = found("@tensorflow/tfjs");
const { MEAN, NONE, SUM } = tf?.Reduction ?? {};

function found(name) {
  for (const place of [import.meta.url, path.join(process.cwd(), "here")]) {
    try {
      return createRequire(place)(name);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return null; // hello says so
}

// operations: inputs by position, hyper-parameters by name

const layer = (activation) => (x) => tf.layers.activation({ activation }).apply(x);
const dense = (x, W, b) => tf.fused.matMul({ a: x, b: W, bias: b }); // of which tf.layers.dense is made
const asNumbers = (labels) => labels.map((label) => tf.cast(label, "float32"));

const operations = {
  step: (x) => tf.step(x),
  perceptron: (x, W, b) => tf.step(dense(x, W, b)),
  dense,
  network: (x, weights, biases, { activation, output }) => through(layersOf(weights, biases, activation, output), x),

  logistic: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  relu: (x) => tf.relu(x),
  leaky_relu: (x, { alpha }) => tf.leakyRelu(x, alpha),
  prelu: (x, a) => tf.prelu(x, a),
  elu: (x, { alpha }) => tf.elu(only(alpha === 1, "tf.elu has alpha = 1 alone", x)),
  identity: layer("linear"),
  softmax: (x) => tf.softmax(x),

  confusion_matrix: (actual, predicted) => tf.reverse(tf.math.confusionMatrix(...asNumbers([actual, predicted]), 2)),
  accuracy: (actual, predicted) => tf.metrics.binaryAccuracy(...asNumbers([actual, predicted])),
  precision: (actual, predicted) => tf.metrics.precision(...asNumbers([actual, predicted])),
  recall: (actual, predicted) => tf.metrics.recall(...asNumbers([actual, predicted])),
  mse: (t, y) => tf.metrics.meanSquaredError(t, y),
  mae: (t, y) => tf.metrics.meanAbsoluteError(t, y),
  r_squared: (t, y) => tf.metrics.r2Score(t, y),

  sum_of_squares: (y, t) => tf.losses.meanSquaredError(t, y, undefined, SUM),
  binary_cross_entropy: (y, t) => tf.losses.logLoss(t, y, undefined, 0, SUM),
  logistic_binary_cross_entropy: (u, t) => tf.losses.sigmoidCrossEntropy(t, u, undefined, 0, SUM),
  softmax_cross_entropy: (u, t) => tf.losses.softmaxCrossEntropy(t, u, undefined, 0, SUM),
  hinge: (y, t) => tf.losses.hingeLoss(tf.div(tf.add(signs(t), 1), 2), y, undefined, NONE), // labels are 0 and 1
  huber: (y, t, { delta }) => tf.losses.huberLoss(t, y, undefined, delta, NONE),

  network_gradients: networkGradients,
  sgd: (theta, { eta }) => new Optimizer(theta, tf.train.sgd(eta)),
  momentum: (theta, { eta, alpha }) => new Optimizer(theta, tf.train.momentum(eta, alpha), ["v"]),
  adagrad: (theta, { eta }) => new Optimizer(theta, tf.train.adagrad(eta, 0), ["h"]),
  rmsprop: (theta, { eta, alpha, epsilon }) => new Optimizer(theta, tf.train.rmsprop(eta, alpha, 0, epsilon), ["h"]),
  adam: (theta, { eta, beta_1, beta_2, epsilon }) => new Optimizer(theta, tf.train.adam(eta, beta_1, beta_2, epsilon), ["m", "v"]),

  uniform: (shape, seed) => tf.initializers.randomUniform({ minval: -1, maxval: 1, seed }).apply(shape),
  xavier: (shape, seed) => tf.initializers.glorotNormal({ seed }).apply(shape),
  he: (shape, seed) => tf.initializers.heNormal({ seed }).apply(shape),
  gauss: (shape, seed) => tf.initializers.randomNormal({ mean: 0, stddev: 1, seed }).apply(shape),
  bias: (shape) => tf.initializers.zeros().apply(shape),

  l2: (weights, { lambda_ }) => weights.map((W) => tf.regularizers.l2({ l2: lambda_ }).apply(W)).reduce((a, b) => tf.add(a, b)),
  dropout: (x, { p, seed, training }) => (training ? tf.dropout(x, proper(p), undefined, seed) : new Dropout(p, seed).infer(x)),
  dropout_layer: (p, seed) => new Dropout(p, seed),
  batch_norm: (x, gamma, beta, { epsilon }) => {
    const { mean, variance } = tf.moments(x, 0);
    return tf.batchNorm(x, mean, variance, beta, gamma, epsilon);
  },
  batch_norm_layer: (features, epsilon, rate) => new BatchNorm(features, epsilon, rate),
};

function only(holds, otherwise, value) {
  if (!holds) throw new NotOffered(otherwise);
  return value;
}

const signs = (t) => only(t.dataSync().every((label) => Math.abs(label) === 1), "tf.losses.hingeLoss has labels of two classes", t);
const proper = (p) => only(p < 1, "the rate of dropout is below 1", p);

// networks and gradients

const NAMES = { logistic: "sigmoid", tanh: "tanh", relu: "relu", softplus: "softplus", identity: "linear", softmax: "softmax" };

function layersOf(weights, biases, ...activations) {
  return weights.map((W, k) => {
    const name = activations[k + 1 < weights.length ? 0 : 1];
    const activation = only(name in NAMES, `tf.layers.dense has no activation ${name}`, NAMES[name]);
    const made = tf.layers.dense({ units: W.shape[1], activation });
    made.build([null, W.shape[0]]);
    made.setWeights([W, biases[k]]);
    return made;
  });
}

const through = (layers, x) => layers.reduce((value, each) => each.apply(value), x);

const MEAN_LOSSES = {
  "identity sum_of_squares": (u, t) => tf.div(tf.losses.meanSquaredError(t, u, undefined, SUM), 2 * t.shape[0]),
  "logistic binary_cross_entropy": (u, t) => tf.div(tf.losses.sigmoidCrossEntropy(t, u, undefined, 0, SUM), t.shape[0]),
  "softmax cross_entropy": (u, t) => tf.losses.softmaxCrossEntropy(t, u, undefined, 0, MEAN),
};

function networkGradients(x, t, weights, biases, { activation, output, loss }) {
  const chosen = MEAN_LOSSES[`${output} ${loss}`];
  if (!chosen) throw new NotOffered(`TensorFlow.js has no loss ${loss} of the argument of ${output}`);
  const layers = layersOf(weights, biases, activation, "identity");
  const variables = layers.flatMap((each) => each.trainableWeights.map((weight) => weight.read()));
  const { grads } = tf.variableGrads(() => chosen(through(layers, x), t), variables);
  const ofVariable = variables.map((variable) => grads[variable.name]);
  return [ofVariable.filter((_, k) => k % 2 === 0), ofVariable.filter((_, k) => k % 2 === 1)];
}

function vjp(operation, inputs, cotangent, hyper) {
  if (operation === "network") return networkVjp(inputs, cotangent, hyper);
  const flat = inputs.flat();
  const rebuilt = (tensors) => inputs.map((input) => (Array.isArray(input) ? input.map(() => tensors.shift()) : tensors.shift()));
  const f = (...tensors) => operations[operation](...rebuilt(tensors), hyper);
  const alone = (k) => (one) => f(...flat.map((tensor, j) => (j === k ? one : tensor)));
  return rebuilt(flat.map((tensor, k) => unlessApart(() => tf.grad(alone(k))(tensor, cotangent))));
}

function networkVjp([x, weights, biases], cotangent, { activation, output }) {
  const layers = layersOf(weights, biases, activation, output);
  const variables = layers.flatMap((each) => each.trainableWeights.map((weight) => weight.read()));
  const ofX = tf.grad((value) => through(layers, value))(x, cotangent);
  const { grads } = tf.variableGrads(() => tf.sum(tf.mul(through(layers, x), cotangent)), variables);
  const ofVariable = variables.map((variable) => grads[variable.name]);
  return [ofX, ofVariable.filter((_, k) => k % 2 === 0), ofVariable.filter((_, k) => k % 2 === 1)];
}

function unlessApart(gradient) {
  try {
    return gradient();
  } catch (error) {
    if (/Cannot compute gradient of y=f\(x\) with respect to x/.test(error.message)) return null;
    throw error;
  }
}

// what keeps a state

class Optimizer {
  constructor(theta, optimizer, slots = []) {
    this.many = Array.isArray(theta);
    this.variables = [theta].flat().map((tensor) => tf.variable(tensor));
    Object.assign(this, { optimizer, slots });
  }

  step(gradient, { eta }) {
    if (eta !== undefined) {
      this.optimizer.learningRate = eta; // which all read at every step but SGD and momentum, which have a method
      this.optimizer.setLearningRate?.(eta);
    }
    const gradients = [gradient].flat();
    this.optimizer.applyGradients(this.variables.map(({ name }, k) => ({ name, tensor: gradients[k] })));
    return this.copies(this.variables);
  }

  async state() {
    const weights = (await this.optimizer.getWeights()).slice(1).map(({ tensor }) => tensor);
    const n = this.variables.length;
    return { map: Object.fromEntries(this.slots.map((slot, k) => [slot, this.copies(weights.slice(k * n, (k + 1) * n))])) };
  }

  copies(tensors) {
    const copied = tensors.map((tensor) => tf.clone(tensor));
    return this.many ? copied : copied[0];
  }
}

class Dropout {
  constructor(p, seed) {
    this.layer = tf.layers.dropout({ rate: proper(p), seed });
  }

  train(x) { return this.layer.apply(x, { training: true }); }
  infer(x) { return this.layer.apply(x, { training: false }); }
}

class BatchNorm {
  constructor(features, epsilon, rate) {
    this.layer = tf.layers.batchNormalization({ epsilon, momentum: 1 - rate });
    this.layer.build([null, features]);
  }

  train(x) { return this.layer.apply(x, { training: true }); }
  infer(x) { return this.layer.apply(x, { training: false }); }
  get gamma() { return this.layer.getWeights()[0]; }
  get beta() { return this.layer.getWeights()[1]; }
  get mean() { return this.layer.getWeights()[2]; }
  get variance() { return this.layer.getWeights()[3]; }
  set gamma(value) { this.layer.setWeights([value, ...this.layer.getWeights().slice(1)]); }
  set beta(value) { this.layer.setWeights([this.gamma, value, this.mean, this.variance]); }
}

// values: arrays in base64, exactly

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

function taken(value) {
  if (Array.isArray(value)) return value.map(taken);
  if (value === null || typeof value !== "object") return value;
  if ("float64" in value) return Buffer.from(value.float64, "base64").readDoubleLE();
  if (!("dtype" in value)) throw new TypeError(`no value: ${Object.keys(value)}`);
  if (!(value.dtype in ARRAYS)) throw new NotOffered(`TensorFlow.js has no ${value.dtype}`);
  const bytes = Buffer.from(value.data, "base64");
  const data = new ARRAYS[value.dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return tf.tensor(data, value.shape, value.dtype);
}

function sent(value) {
  if (Array.isArray(value)) return value.map(sent);
  if (value?.map instanceof Object && !(value instanceof tf.Tensor)) {
    return { map: Object.fromEntries(Object.entries(value.map).map(([name, each]) => [name, sent(each)])) };
  }
  if (typeof value === "number" && (!Number.isSafeInteger(value) || Object.is(value, -0))) return exactly(value);
  if (!(value instanceof tf.Tensor)) return value ?? null;
  const data = value.dataSync();
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return { dtype: value.dtype, shape: value.shape, data: bytes.toString("base64") };
}

function exactly(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(number);
  return { float64: bytes.toString("base64") };
}

// requests

const objects = new Map();
let made = 0;

const METHODS = {
  hello() {
    if (!tf) throw new Error("@tensorflow/tfjs is not installed: npm install @tensorflow/tfjs, and NODE_PATH if that is elsewhere");
    tf.setBackend("cpu");
    return {
      protocol: "eqwise-stdio/1",
      name: "tfjs",
      version: tf.version.tfjs,
      dtypes: ["float32"],
      operations: [...Object.keys(operations), "vjp"],
      settings: { backend: "cpu", node: process.version },
      known: fileURLToPath(import.meta.url).replace(/mjs$/, "toml"),
    };
  },
  echo: ({ value }) => sent(taken(value)),
  call({ operation, inputs, hyper }) {
    const result = offered(operation)(...taken(inputs), numbers(hyper));
    return [Optimizer, Dropout, BatchNorm].some((kind) => result instanceof kind) ? kept(result) : sent(result);
  },
  vjp: ({ operation, inputs, cotangent, hyper }) => offered(operation) && sent(vjp(operation, taken(inputs), taken(cotangent), numbers(hyper))),
  async invoke({ object, name, inputs, hyper }) {
    return sent(await living(object)[name](...taken(inputs), numbers(hyper)));
  },
  get: ({ object, name }) => sent(living(object)[name]),
  set({ object, name, value }) {
    living(object)[name] = taken(value);
    return null;
  },
  release({ objects: numbers }) {
    numbers.forEach((number) => objects.delete(number));
    return null;
  },
};

const numbers = (hyper) => Object.fromEntries(Object.entries(hyper ?? {}).map(([name, value]) => [name, taken(value)]));

function offered(name) {
  if (!Object.hasOwn(operations, name)) throw new NotOffered(`no operation ${name}`);
  return operations[name];
}

function kept(object) {
  objects.set(++made, object);
  const own = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object));
  const methods = ["step", "state", "train", "infer"].filter((name) => own[name]?.value);
  return { object: made, methods, attributes: Object.keys(own).filter((name) => own[name].get) };
}

function living(number) {
  if (!objects.has(number)) throw new RangeError(`there is no object ${number}`);
  return objects.get(number);
}

async function answer(line) {
  let id = null;
  const isMade = objects.size;
  tf?.engine().startScope();
  try {
    const request = JSON.parse(line);
    id = request.id;
    if (!Object.hasOwn(METHODS, request.method)) throw new NotOffered(`no method ${request.method}`);
    return { id, result: await METHODS[request.method](request) };
  } catch (error) {
    if (error instanceof NotOffered) return { id, not_offered: error.message };
    return { id, error: { type: error.name ?? "Error", message: error.message ?? String(error) } };
  } finally {
    if (objects.size === isMade) tf?.engine().endScope(); // what an object was made of stays with it
  }
}

function* lines() {
  const chunk = Buffer.alloc(1 << 16);
  let parts = [];
  for (let size; (size = fs.readSync(0, chunk)) > 0; ) {
    let start = 0;
    for (let end; (end = chunk.subarray(0, size).indexOf(10, start)) >= 0; start = end + 1) {
      yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
      parts = [];
    }
    parts.push(Buffer.from(chunk.subarray(start, size)));
  }
}

for (const line of lines()) {
  const bytes = Buffer.from(JSON.stringify(await answer(line)) + "\n");
  for (let written = 0; written < bytes.length; ) written += fs.writeSync(1, bytes, written);
}
