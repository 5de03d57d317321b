"""The system of the notes in plain NumPy: fast, stable, and independent of the transcriptions in `eqwise.spec`.

Every function f has its vector-Jacobian product f_vjp beside it: the gradients of Σ cotangent·f by each input, each with
the shape and dtype of that input. At a kink it takes the slope of the branch that the notes print there.
Arrays are float64, float32, float16 or bfloat16 (ml_dtypes), of any shape and layout; inputs are never written, results
are new. Narrow dtypes are computed in float64 and rounded once.

`layers`, `model`, `objectives` and `training` are the same formulas as a system that learns, in float32 or float64 as they
are given; `data` feeds it, and `figures` and `learning_curve` show.
"""
