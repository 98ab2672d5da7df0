"""The exception tree. Every message gives the thing, the value found, what was expected, the remedy.

ChainruleError
├── ShapeError       an array has the wrong shape                       (also a ValueError)
├── SettingsError    a name or hyper-parameter is unknown or out of range (also a ValueError)
├── DataError        rows cannot be read or used: path, line, column    (also a ValueError)
├── ModelFileError   a model, checkpoint or run cannot be read or written (also a ValueError)
└── DivergedError    training met a non-finite or exploding number      (also an ArithmeticError)

DivergenceWarning    the same news, when training returns what it has instead of raising
GradientWarning      the derivative of a loss of one's own is not that of its value
DamagedFileWarning   a file of a run cannot be read; what it held is lost, the rest of the run is not
InterruptedWarning   Ctrl-C ended a training, which returns what it has: a loop around it may want to end too
UnwrittenWarning     a file of a run could not be written; training went on, or its run was returned
MeasureWarning       measures leave rows or targets out, or count rows once whose weights are not there
ReplayWarning        a replay on another engine or BLAS than recorded: the same to rounding, not to the bit
"""

from __future__ import annotations

import difflib
import errno
import os
import sys
import warnings
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path

from chainrule.visible import MOST, brief, cut


class ChainruleError(Exception):
    """The root of every error that chainrule raises on purpose.

    Of a long value the message shows the beginning.

    Parameters
    ----------
    message : str, default ""
        The thing, the value found, what was expected and the likely remedy.
    *others : object
        Further arguments of the exception.

    Examples
    --------
    >>> import chainrule as cr
    >>> try:
    ...     cr.SGD(learning_rate=-1)
    ... except cr.ChainruleError as error:
    ...     print(type(error).__name__)
    SettingsError
    """

    def __init__(self, message: str = "", *others: object) -> None:
        super().__init__(brief(str(message)), *others)


class ShapeError(ChainruleError, ValueError):
    """An array has the wrong shape; also a ValueError.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([3, 2]).forward([[1.0, 2.0]])
    Traceback (most recent call last):
        ...
    chainrule.errors.ShapeError: ...
    """


class SettingsError(ChainruleError, ValueError):
    """A name or hyper-parameter is unknown, out of range or does not fit the others; also a ValueError.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.SGD(momentum=2)
    Traceback (most recent call last):
        ...
    chainrule.errors.SettingsError: momentum...2...
    """


class DataError(ChainruleError, ValueError):
    """Rows cannot be read or used; also a ValueError.

    Parameters
    ----------
    message : str
        What was found, what was expected and the likely remedy.
    path : str, optional
        The file.
    line : int, optional
        The line of the file, from 1.
    column : str, optional
        The name of the column.

    Attributes
    ----------
    path, line, column : str, int, str
        Where, as far as it is known; None elsewhere. The message begins with them.

    Examples
    --------
    >>> from chainrule import DataError
    >>> print(DataError("'x' is no number.", path="a.csv", line=3, column="age"))
    a.csv, line 3, column 'age': 'x' is no number.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        self.path, self.line, self.column = path, line, column
        where = path or ""
        if line is not None:
            where += f"{', ' if where else ''}line {line}"
        if column is not None:
            where += f"{', ' if where else ''}column {cut(column)!r}"
        super().__init__(f"{where}: {message}" if where else message)


class ModelFileError(ChainruleError, ValueError):
    """A model file, a checkpoint or a run directory cannot be read or written; also a ValueError.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.load("no/such/run")
    Traceback (most recent call last):
        ...
    chainrule.errors.ModelFileError: no/such/run: ...
    """


class DivergedError(ChainruleError, ArithmeticError):
    """Training met a non-finite or exploding number; also an ArithmeticError.

    Parameters
    ----------
    message : str
        What was found and the likely remedy.
    epoch, step : int
        Where, both from 0.
    layer : int or None
        The layer, 1 … L, or None where the quantity belongs to none.
    quantity : str
        What is not finite: "loss", "dW", ….

    Attributes
    ----------
    epoch, step, layer, quantity : int, int, int or None, str
        As given.

    Examples
    --------
    >>> import chainrule as cr
    >>> error = cr.DivergedError("loss is inf", epoch=0, step=7, layer=None, quantity="loss")
    >>> error.step, error.quantity
    (7, 'loss')
    """

    def __init__(self, message: str, *, epoch: int, step: int, layer: int | None, quantity: str) -> None:
        self.epoch, self.step, self.layer, self.quantity = epoch, step, layer, quantity
        super().__init__(message)


class DivergenceWarning(UserWarning):
    """Training stopped because a number became non-finite or the loss exploded.

    It is given where training returns what it has; with `on_divergence="raise"` a DivergedError is raised instead.

    Examples
    --------
    >>> import warnings
    >>> import chainrule as cr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cr.DivergenceWarning)  # a diverged training raises
    """


class DamagedFileWarning(ModelFileError, UserWarning):  # noqa: N818  # a warning first
    """A file of a run cannot be read: what it held is lost, everything else of the run is there.

    Where warnings are made errors, it is raised as the ModelFileError it describes.
    """


class InterruptedWarning(UserWarning):
    """Ctrl-C ended a training early; what it has so far is returned.

    A loop around the training may want to end too: make the warning an error for it.

    Examples
    --------
    >>> import warnings
    >>> import chainrule as cr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cr.InterruptedWarning)  # Ctrl-C ends a loop of trainings
    """


class UnwrittenWarning(UserWarning):
    """Something that a training should leave behind could not be written; the training itself is whole."""


class GradientWarning(UserWarning):
    """The delta of a loss of one's own is not the derivative of its value.

    Examples
    --------
    >>> import warnings
    >>> import chainrule as cr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cr.GradientWarning)  # nothing is trained by a wrong derivative
    """


class MeasureWarning(UserWarning):
    """Measures are not over all rows and targets, or not weighted as the training was: the message says what and why.

    Examples
    --------
    >>> import warnings
    >>> import chainrule as cr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cr.MeasureWarning)  # a class that training had not is an error
    """


class ReplayWarning(UserWarning):
    """A run is replayed by another engine or BLAS than it was trained with: bits may differ.

    Examples
    --------
    >>> import warnings
    >>> import chainrule as cr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cr.ReplayWarning)  # only replays to the bit are accepted
    """


REMEDIES = {
    "ENOSPC": "free space there, or choose another disk",
    "EDQUOT": "the quota is exhausted: free space there, or choose another disk",
    "EFBIG": "files may be no larger here (ulimit -f, or the file system): raise the limit, or choose another disk",
    "EACCES": "permission is required: ask for it, or choose another place",
    "EPERM": "permission is required: ask for it, or choose another place",
    "EROFS": "the file system is read-only: choose another place",
    "EISDIR": "give the name of a file",
    "ENOTDIR": "a part of the path is a file: all but the last name must be folders",
    "ENOENT": "give a path that exists",
    "ENAMETOOLONG": "choose a shorter name",
    "ELOOP": "its links form a cycle: name the file itself",
    "EIO": "the disk reports an error: try again, or choose another disk",
    "EMFILE": "too many files are open: close some, or raise the limit (ulimit -n)",
    "ENFILE": "too many files are open: close some, or raise the limit of the system",
}
"""What helps against the errors of files, by their names in errno."""


def of_file(path: str | os.PathLike[str], deed: str, error: BaseException) -> str:
    """The message for a file that cannot be … (the deed: "read", "written"), with what helps.

    Examples
    --------
    >>> of_file("a.csv", "written", OSError(errno.ENOSPC, "No space left on device"))
    'a.csv: cannot be written (No space left on device); free space there, or choose another disk.'
    """
    number = error.errno if isinstance(error, OSError) else None
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    remedy = REMEDIES.get(errno.errorcode.get(number or 0, ""), "check the path, the disk and your rights there")
    return f"{os.fsdecode(path)}: cannot be {deed} ({reason.rstrip('.')}); {remedy}."


PASSED_OVER = ("chainrule", "sklearn", "contextlib")
"""Packages whose lines are not the caller's."""


def named_path(given: object, name: str, example: str) -> Path:
    """A path as given; SettingsError for an empty name: "" would mean the current folder."""
    try:
        text = os.fspath(given)  # type: ignore[call-overload]
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise SettingsError(f"{name}={given!r}: must be a path as text (got {given!r}). Try {example!r}.")
    return Path(text)


COLLECTED: ContextVar[list[tuple[str | Warning, type[Warning]]] | None] = ContextVar("collected", default=None)
"""Where warnings of a thread go that is not the caller's, which gives them."""


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """A warning at the line that called this package, through however many of its functions."""
    if (collected := COLLECTED.get()) is not None:
        collected.append((message, category))
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in PASSED_OVER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


ELSEWHERE = {
    "squared_error": "mse mean_squared_error mseloss mse_loss l2loss quadratic",
    "rmse": "mse mean_squared_error root_mean_squared_error",
    "absolute_error": "mae mean_absolute_error l1loss l1_loss",
    "mae": "mean_absolute_error",
    "huber": "smooth_l1 smoothl1loss huberloss",
    "poisson": "poisson_nll poissonnllloss",
    "quantile": "pinball pinball_loss",
    "focal": "focal_loss focalloss sigmoid_focal_loss binary_focal_crossentropy categorical_focal_crossentropy",
    "cross_entropy": "bce bceloss bcewithlogitsloss binary_cross_entropy binary_crossentropy categorical_crossentropy "
    "sparse_categorical_crossentropy crossentropy crossentropyloss log_loss logloss nll nllloss nll_loss "
    "negative_log_likelihood",
    "accuracy": "acc error_rate binary_accuracy categorical_accuracy",
    "identity": "linear none",
    "silu": "swish",
    "sigmoid": "logistic",
    "leaky_relu": "leakyrelu lrelu",
    "exponential": "exp",
    "learning_rate": "lr eta step_size learning_rate_init initial_learning_rate init_lr base_lr",
    "epochs": "n_epochs num_epochs nb_epoch max_iter max_epochs n_iter iterations",
    "batch_size": "batch bs minibatch mini_batch_size batchsize",
    "validation": "validation_split validation_data validation_fraction valid val val_data valid_size eval_set",
    "progress": "verbose quiet silent show_progress",
    "optimizer": "optim opt solver optimiser",
    "early_stopping": "patience n_iter_no_change early_stop earlystopping",
    "seed": "random_state random_seed rng",
    "metric": "metrics scoring eval_metric scorer",
    "hidden_sizes": "hidden_layer_sizes layers hidden hidden_layers units n_units",
    "glorot_uniform": "xavier glorot xavier_uniform xavier_uniform_ glorotuniform",
    "glorot_normal": "xavier_normal xavier_normal_ glorotnormal",
    "he_uniform": "kaiming he kaiming_uniform kaiming_uniform_ heuniform",
    "he_normal": "kaiming_normal kaiming_normal_ henormal",
    "standard_normal": "normal gaussian random_normal randn",
    "initializer": "init kernel_initializer weight_init",
    "normalization": "layer_norm layernorm batch_norm batchnorm norm",
    "layer": "layer_norm layernorm layernormalization",
    "clip_norm": "clipnorm grad_clip max_norm gradient_clip gradient_clipping clip max_grad_norm",
    "dropout": "dropout_rate p_dropout drop_rate",
    "label_smoothing": "smoothing smooth_labels label_smooth",
    "schedule": "scheduler lr_schedule lr_scheduler learning_rate_schedule decay",
    "warm_up": "warmup warmup_steps warmup_ratio",
    "weight_decay": "wd",
    "l2": "alpha weight_decay wd l2_reg kernel_regularizer reg_lambda",
    "shuffle": "shuffled",
    "callbacks": "callback",
    "beta1": "beta_1 b1",
    "beta2": "beta_2 b2",
    "epsilon": "eps",
    "rho": "decay alpha smoothing",
    "momentum": "mu",
    "time_limit": "timeout max_time",
    "directory": "path folder save_dir out output_dir log_dir",
    "train": "fit train_model compile run",
    "load": "load_model restore",
    "Network": "mlp nn net sequential model_of neuralnetwork",
}
"""Names of PyTorch, Keras and scikit-learn, in lower case, by the name here; one may stand for several."""


def from_elsewhere(name: object, known: Iterable[str]) -> str | None:
    """The first of the known names that another library calls by this one; None where there is none.

    Examples
    --------
    >>> from_elsewhere("mse", ["cross_entropy", "squared_error"])
    'squared_error'
    """
    other = str(name)[:MOST].lower()
    return next((ours for ours in known if other in ELSEWHERE.get(ours, "").split()), None)


def refuse_unknown_names(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """SettingsError for the first name of an argument that is not known."""
    known = list(known)
    for name in given:
        if name not in known:
            raise unknown_name(kind, name, known)


def unknown_name(kind: str, name: object, known: Iterable[str]) -> SettingsError:
    """The error for a name that is in no table: it lists the table and suggests what is meant, or the nearest entry."""
    known = list(dict.fromkeys(known))
    same = from_elsewhere(name, known)
    near = difflib.get_close_matches(str(name)[:MOST].lower(), known, n=1, cutoff=0.5) if same is None else [same]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return SettingsError(
        f"{kind} {name!r} is unknown{hint} Known: {', '.join(known)}.".replace("unknown Known", "unknown. Known")
    )
