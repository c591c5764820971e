"""How kernels are compiled. The only place that says so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

OPTIONS: dict[str, Any] = {
    # Sums may be reordered, so that they run in vector registers. Nothing may assume
    # that nan and inf do not occur: they are how a run that diverged is seen.
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    # No kernel allocates. Counting references to its arrays would cost more than the
    # arithmetic of a narrow row (measured: 350 against 100 ns at 28 columns).
    "_nrt": False,
}
PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _fingerprint() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    text = b"".join(source.read_bytes() for source in sources)
    return hashlib.sha256(text).hexdigest()[:12]


# Numba asks of a kernel on disk whether its own file changed, not whether the parts in
# other files did. So the name under which it is kept tells all of them.
FINGERPRINT = _fingerprint()


def part(function: Any) -> Any:
    """A piece of kernels, compiled into each of them."""
    return numba.njit(function, **PART, **OPTIONS)


def inlined(function: Any) -> Any:
    """A piece that is copied to where it is called: for what each row waits for."""
    return numba.njit(function, forceinline=True, **PART, **OPTIONS)


def kernel(function: Any) -> Any:
    """An entry from Python, kept on disk; it lets other threads run."""
    function.__qualname__ += f"_{FINGERPRINT}"
    return numba.njit(function, nogil=True, cache=True, **OPTIONS)


def for_own_loss(entry: Any) -> Any:
    """The same kernel without the disk cache, which a user's function never hits."""
    return numba.njit(entry.py_func, nogil=True, **OPTIONS)


def _asking(locality: int) -> Any:
    """A call that asks for the cache line of an element, and never waits for it.

    Args:
        locality: 3 for all caches, 2 for all but the nearest.
    """

    @intrinsic
    def ask(typing_context: Any, array: Any, place: Any) -> Any:
        del typing_context

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            address = builder.bitcast(
                builder.gep(data, [args[1]]), ir.IntType(8).as_pointer()
            )
            number = ir.IntType(32)
            kind = ir.FunctionType(
                ir.VoidType(), [address.type, number, number, number]
            )
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [address.type], kind
            )
            # For reading; data rather than code.
            builder.call(function, [address, number(0), number(locality), number(1)])
            return context.get_dummy_value()

        return numba.types.void(array, place), generate

    return ask


# The nearest cache is needed for the rows at hand where rows are dense (78 against 91
# ns at 100 columns), and has room for those to come where they are sparse.
prefetch, prefetch_near = _asking(2), _asking(3)
