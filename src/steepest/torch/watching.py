"""watch: a PyTorch run that is recorded while its loop stays as it is."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

from steepest.api.diagnosing import Diagnosis, diagnose
from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.records.recorder import Recorder, Sight
from steepest.records.trace import Trace
from steepest.torch import library, losses
from steepest.torch.flat import Flat
from steepest.torch.inputs import Inputs


def watch(
    model: Any, optimizer: Any, *, save: str | Path | None = None, every: int = 1
) -> Watch:
    """Record a PyTorch run.

    A row describes the point that `optimizer.step()` starts from: the loss that was
    differentiated last (the sum, where several were since the step before; with a
    closure what it returns first), norms of gradients, params and steps, also of each
    weight matrix, the learning rate, the cosine between gradients. The step quality is
    recorded for plain SGD on one and the same input.

    Args:
        model: the torch.nn.Module that is trained.
        optimizer: the torch.optim.Optimizer that trains it.
        save: folder to record in; `steepest diagnose` reads it, also while the run
            goes on.
        every: record each step whose number is a multiple of this. A recorded step
            reads the params twice and waits for the device.

    Returns:
        A Watch: `.trace`, `.diagnose()`, `.close()`. As a context manager it is closed
        at the end of the block.

    Raises:
        UsageError: no torch, no module, no optimizer, or no params in common.
        DataError: the folder cannot be written, or holds other things.

    The loop itself is not changed::

        with steepest.torch.watch(model, optimizer) as seen:
            for x, y in loader:
                optimizer.zero_grad()
                loss_of(model(x), y).backward()
                optimizer.step()
        print(seen.diagnose())
    """
    torch = library.torch()
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"model: need a torch.nn.Module, got {_a(model)}.")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UsageError(f"optimizer: need one of torch.optim, got {_a(optimizer)}.")
    if not (is_whole(every) and every >= 1):
        raise UsageError(f"every={every!r}: must be a whole number from 1 on.")
    return Watch(model, optimizer, save=save, every=int(every))


class Watch:
    """A PyTorch run that is being recorded; `watch` makes it.

    Args:
        model: what is trained.
        optimizer: what trains it.
        save: folder to record in, None for none.
        every: which steps are recorded.
    """

    def __init__(
        self, model: Any, optimizer: Any, *, save: str | Path | None, every: int
    ) -> None:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        named = [
            (name, p)
            for name, p in model.named_parameters()
            if id(p) in held and p.requires_grad
        ]
        if not named:
            raise UsageError("optimizer: holds no parameter of this model to train.")
        self._probes = [p for _, p in named]
        self._optimizer, self._flat, self._inputs = (
            optimizer,
            Flat(named),
            Inputs(model),
        )
        self._recorder = Recorder(
            self._flat.names, every=every, save=save, settings=_settings(optimizer)
        )
        self._step = self._evals = self._samples = 0
        self._roots: list[tuple[Any, Any]] = []
        self._mark: list[tuple[Any, int]] = []
        self._anew, self._skips, self._none = True, False, True
        self._now: Sight | None = None
        self._last = (-2, math.nan, math.nan)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            model.register_forward_pre_hook(self._inputs.see, with_kwargs=True),
        ]
        losses.begin(self)

    @property
    def trace(self) -> Trace:
        """What was recorded so far."""
        return self._recorder.trace

    @property
    def settings(self) -> dict[str, Any]:
        """What is known of the run besides its rows."""
        return self._recorder.settings

    def diagnose(self) -> Diagnosis:
        """What the run came to so far, see `steepest.diagnose`.

        Raises:
            UsageError: no step was seen yet.
        """
        if not len(self.trace):
            raise UsageError(
                "diagnose: no step was seen yet. Watch before the loop, and see that "
                "it calls step() of the optimizer that is watched."
            )
        return diagnose(self)

    def add_validation(self, loss: float, *, epoch: int | None = None) -> None:
        """Record a loss on validation data, which no hook sees.

        Args:
            loss: its mean.
            epoch: passes over the training data; None counts the calls.
        """
        self._recorder.add_validation(float(loss), step=self._step, epoch=epoch)

    def close(self) -> None:
        """Put everything back as it was; the trace stays."""
        losses.end(self)
        for handle in self._handles:
            handle.remove()
        self._recorder.close()

    def __enter__(self) -> Watch:
        """The watch itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, whatever ended the block."""
        self.close()

    def before_backward(self) -> None:
        """Remember the gradients that are there."""
        self._none = all(p.grad is None for p in self._probes)
        self._anew |= self._none
        if not self._none:
            self._mark = [(p.grad, _version(p.grad)) for p in self._probes]

    def after_backward(self, roots: list[tuple[Any, Any]]) -> None:
        """Remember what was differentiated, where it reached our params."""
        if not self._reached():
            return
        if self._anew:
            self._roots, self._anew = [], False
            self._evals += 1
        self._roots += roots

    def _reached(self) -> bool:
        """Whether the gradients are others than they were before."""
        if self._none:
            return any(p.grad is not None for p in self._probes)
        now = ((p.grad, _version(p.grad)) for p in self._probes)
        pairs = zip(now, self._mark, strict=True)
        return any(g is not old or v != then for (g, v), (old, then) in pairs)

    def _before_step(self, _: Any, args: Any, kwargs: Any) -> Any:
        """Look at the point, or see to it that the closure's first call does."""
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._look(None)
            return None
        looks = self._looking(closure)
        if len(args) > 1:
            return (args[0], looks, *args[2:]), kwargs
        return args, {**kwargs, "closure": looks}

    def _looking(self, closure: Any) -> Any:
        """The closure, after whose first call the point is looked at."""
        waits = [True]

        @functools.wraps(closure)
        def first() -> Any:
            loss = closure()
            if waits:
                waits.clear()
                self._look(loss)
            return loss

        return first

    def _look(self, loss: Any) -> None:
        """What can be seen before a step."""
        self._now, step = None, self._step
        lost = getattr(self._optimizer, "found_inf", None)  # of a fused rule with AMP
        self._skips = lost is not None and bool(lost)
        due = self._recorder.due(step)
        if self._skips or not (due or self._recorder.due(step + 1)):
            return
        value = losses.value_of(self._roots) if loss is None else _number(loss)
        scale = getattr(self._optimizer, "grad_scale", None)
        grad, turn, before = self._flat.grads(
            step,
            1.0 if scale is None else 1.0 / float(scale),
            layers=self._recorder.due_layers(step),
        )
        rate, plain = _rate(self._optimizer)
        last, self._last = self._last, (step, value, rate * grad)
        quality = math.nan
        if plain and last[0] == step - 1 and last[2] > 0 and self._inputs.same():
            quality = (last[1] - value) / last[2]
        if due:
            self._now = Sight(
                *(step, value, grad, self._flat.params(), math.nan, rate),
                *(turn, before, quality),
                samples=self._samples,
                evals=self._evals,
            )

    def _after_step(self, *_: Any) -> None:
        """What can be seen after it."""
        self._anew = True
        samples = self._inputs.next()
        if self._skips:
            return
        self._samples += samples
        self._step += 1
        if self._now is not None:
            update, layers = self._flat.update()
            self._recorder.add(self._now._replace(update=update, layers=layers))


def _number(loss: Any) -> float:
    """What a closure returned."""
    return float(loss.detach() if hasattr(loss, "detach") else loss)


def _version(grad: Any) -> int:
    """How often a gradient was written to."""
    return -1 if grad is None else grad._version  # noqa: SLF001


def _rate(optimizer: Any) -> tuple[float, bool]:
    """(learning rate, whether the steps are those of plain descent with it).

    Of several groups with rates of their own it is that of the one with most params.
    """
    groups = optimizer.param_groups
    rates = [float(group.get("lr", math.nan)) for group in groups]
    most = 0
    if len(groups) > 1:
        sizes = [sum(p.numel() for p in group["params"]) for group in groups]
        most = sizes.index(max(sizes))
    if type(optimizer).__name__ != "SGD" or len(set(rates)) > 1:
        return rates[most], False
    other = ("momentum", "weight_decay", "maximize")
    return rates[most], not any(g.get(name) for g in groups for name in other)


def _settings(optimizer: Any) -> dict[str, Any]:
    """What the first group of an optimizer says of it, as plain data."""
    group = optimizer.param_groups[0]
    told = {
        name: float(number)
        for name, number in group.items()
        if name not in ("params", "lr", "initial_lr") and is_number(number)
    }
    rate = _rate(optimizer)[0]
    known = {} if math.isnan(rate) else {"learning_rate": rate}
    name = type(optimizer).__name__.lower()
    if name == "sgd":  # as steepest calls it
        name = "momentum" if told.get("momentum") else "gd"
    return {"library": "torch", "optimizer": name, **known, **told}


def _a(thing: Any) -> str:
    return f"a {type(thing).__name__}"
