"""TorchMetrics by its public API: metrics of classification and regression; gradients by PyTorch's autograd.

``--adapter-option form=class`` takes the classes, which are given the samples in two batches and keep their sums in the dtype
of the samples; ``form=functional``, the functions. Its hinge loss takes the sigmoid of scores first, so it is not that of (32).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
import torchmetrics
from torchmetrics import classification, functional, regression

from eqwise.conformance.adapter import Adapter, NotOffered

_FUNCTIONS: Mapping[str, Callable[..., torch.Tensor]] = {  # of what was predicted and what is true
    "confusion_matrix": functional.classification.binary_confusion_matrix,
    "accuracy":         functional.classification.binary_accuracy,
    "precision":        functional.classification.binary_precision,
    "recall":           functional.classification.binary_recall,
    "f_measure":        functional.classification.binary_f1_score,
    "mse":              functional.mean_squared_error,
    "rmse":             lambda y, t: functional.mean_squared_error(y, t, squared=False),
    "mae":              functional.mean_absolute_error,
    "r_squared":        functional.r2_score,
}  # fmt: skip

_CLASSES: Mapping[str, Callable[[], torchmetrics.Metric]] = {
    "confusion_matrix": classification.BinaryConfusionMatrix,
    "accuracy":         classification.BinaryAccuracy,
    "precision":        classification.BinaryPrecision,
    "recall":           classification.BinaryRecall,
    "f_measure":        classification.BinaryF1Score,
    "mse":              regression.MeanSquaredError,
    "rmse":             lambda: regression.MeanSquaredError(squared=False),
    "mae":              regression.MeanAbsoluteError,
    "r_squared":        regression.R2Score,
}  # fmt: skip


class TorchMetricsAdapter(Adapter):
    """TorchMetrics on the CPU."""

    name = "torchmetrics"
    version = torchmetrics.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, form: str = "functional") -> None:
        if form not in ("functional", "class"):
            raise TypeError(f"form={form!r} is neither 'functional' nor 'class'")
        self.form = form
        self.settings = {"torch": torch.__version__, "threads": torch.get_num_threads(), "form": form}  # type: ignore[misc]

    def from_numpy(self, array: Any) -> torch.Tensor:
        if array.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(np.array(array).view(np.int16)).view(torch.bfloat16)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = np.array(array)  # PyTorch takes neither read-only arrays nor negative strides
        return torch.from_numpy(array)

    def to_numpy(self, value: torch.Tensor) -> Any:
        tensor = value.detach()
        if tensor.dtype == torch.bfloat16:
            return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: torch.Tensor, **hyper: Any) -> list[Any]:
        if self.form == "class":
            raise NotOffered("what classes accumulate has no gradients")
        leaves = [tensor.detach().requires_grad_(True) for tensor in inputs]
        return list(torch.autograd.grad(getattr(self, operation)(*leaves, **hyper), leaves, cotangent))

    # section 6, metrics
    def confusion_matrix(self, actual: Any, predicted: Any) -> Any: return self._counted("confusion_matrix", actual, predicted)
    def accuracy(self, actual: Any, predicted: Any) -> Any: return self._counted("accuracy", actual, predicted)
    def precision(self, actual: Any, predicted: Any) -> Any: return self._counted("precision", actual, predicted)
    def recall(self, actual: Any, predicted: Any) -> Any: return self._counted("recall", actual, predicted)
    def f_measure(self, actual: Any, predicted: Any) -> Any: return self._counted("f_measure", actual, predicted)
    def mse(self, t: Any, y: Any) -> Any: return self._measured("mse", y, t)
    def rmse(self, t: Any, y: Any) -> Any: return self._measured("rmse", y, t)
    def mae(self, t: Any, y: Any) -> Any: return self._measured("mae", y, t)

    def r_squared(self, t: Any, y: Any) -> Any:
        if len(t) < 2:
            raise NotOffered("r2_score refuses fewer than two samples")
        return self._measured("r_squared", y, t)

    def _counted(self, metric: str, actual: Any, predicted: Any) -> Any:
        return self._measured(metric, predicted.int(), actual.int())

    def _measured(self, metric: str, predicted: Any, actual: Any) -> Any:
        return _FUNCTIONS[metric](predicted, actual) if self.form == "functional" else _accumulated(_CLASSES[metric](), predicted, actual)


def _accumulated(metric: Any, predicted: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
    """What a metric says of samples that it is given in two batches, the first of which may be all."""
    if predicted.is_floating_point():
        metric.set_dtype(predicted.dtype)
    half = (len(predicted) + 1) // 2
    for some in (slice(half), slice(half, None)):
        if not some.start or half < len(predicted):
            metric.update(predicted[some], actual[some])
    return metric.compute()
