"""What Numba has no words for: memory at an address, bits as a number, and products in registers.

Sums of many products run at the processor's speed only while they stay in vector registers, and
LLVM keeps them there only when it is told so vector by vector.

Numba compiles ``kernels`` anew when that file changes, and knows nothing of this one: a change here
is told there (``_TILES``, which a test compares).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_WIDE = binding.get_host_cpu_features().get("avx512f", False)
LANES, VECTORS = (16, 4) if _WIDE else (8, 2)
WIDTH = LANES * VECTORS
"""Columns of a matrix that lie together, row after row: a panel."""
_LINE = 16  # numbers that memory hands over at once
_BYTE = ir.IntType(8)


@intrinsic
def pointer(typing, address):
    """An address as a pointer to float32."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(types.intp), generate


@intrinsic
def as_float(typing, bits):
    """The float32 that an int32's bits are."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def largest(typing, x, count):
    """The largest of the first ``count`` numbers of x, at least one; LLVM would compare them one
    after the other. Where some are no numbers it is any of the others, or none."""
    vector, lane = ir.VectorType(ir.FloatType(), LANES), ir.IntType(32)
    zeros = ir.VectorType(lane, LANES)([0] * LANES)

    def generate(context, builder, signature, arguments):
        numbers = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        count = arguments[1]
        whole = builder.sub(count, builder.srem(count, count.type(LANES)))
        first = builder.load(numbers)
        everywhere = builder.insert_element(vector(ir.Undefined), first, lane(0))
        everywhere = builder.shuffle_vector(everywhere, vector(ir.Undefined), zeros)
        tops = cgutils.alloca_once_value(builder, everywhere)
        top = cgutils.alloca_once_value(builder, first)

        def take(place, value):
            held = builder.load(place)
            larger = builder.fcmp_ordered(">", value, held)
            builder.store(builder.select(larger, value, held), place)

        with cgutils.for_range_slice(builder, count.type(0), whole, count.type(LANES)) as (k, _):
            some = builder.bitcast(builder.gep(numbers, [k]), vector.as_pointer())
            take(tops, builder.load(some, align=4))
        with cgutils.for_range_slice(builder, whole, count, count.type(1)) as (k, _):
            take(top, builder.load(builder.gep(numbers, [k])))
        for i in range(LANES):
            take(top, builder.extract_element(builder.load(tops), lane(i)))
        return builder.load(top)

    return types.float32(x, types.intp), generate


def _send_for(builder, place):
    """Ask for what is at a place in memory, which need not be anybody's, without waiting for it."""
    kinds = [_BYTE.as_pointer(), *[ir.IntType(32)] * 3]
    kind = ir.FunctionType(ir.VoidType(), kinds)
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    to_read, soon, data = (ir.IntType(32)(one) for one in (0, 3, 1))
    builder.call(fetch, [place, to_read, soon, data])


def tiles_of(
    vectors: int, shapes: Sequence[tuple[int, int]], chains: int = 1, ahead: int = 0
) -> Callable:
    """A function of (rows, panels, x, w, y, count, steps of x, w and y, far): the products of so
    many rows of x with so many panels of w, ``vectors * LANES`` columns each, summed over
    ``count``, to y. A step leads to the next row, ``far`` to the next panel; in y panels lie side
    by side. Does nothing but for ``rows`` and ``panels`` that are one of ``shapes``.

    All sums stay in registers. Each is taken term by term, or where there are more ``chains`` (of
    which ``count`` is a multiple), every so-many-th term, and then over the chains. While a row of
    w is multiplied, the one ``ahead`` rows behind it, if that is not 0, is sent for.
    """
    vector = ir.VectorType(ir.FloatType(), LANES)
    zeros = ir.VectorType(ir.IntType(32), LANES)([0] * LANES)
    fused = ("contract",)

    def tile(context, builder, shape, x, w, y, count, x_step, w_step, y_step, far):
        number, rows, columns = count.type, *shape
        columns *= vectors
        sums = list(itertools.product(range(rows), range(columns), range(chains)))
        bases = [w]
        for _ in range(1, shape[1]):
            bases.append(builder.gep(bases[-1], [far]))

        def part(base, step, row, column, kind=vector):
            """What stands in a row from a column on."""
            place = builder.add(builder.mul(step, row), column)
            return builder.bitcast(builder.gep(base, [place]), kind.as_pointer())

        kept = {one: cgutils.alloca_once(builder, vector) for one in sums}
        for one in sums:
            builder.store(vector([0.0] * LANES), kept[one])
        with cgutils.for_range_slice(builder, number(0), count, number(chains)) as (k, _):
            for chain in range(chains):
                place = builder.add(k, number(chain))
                for base in bases if ahead else ():
                    later = builder.add(place, number(ahead))
                    for first in range(0, vectors * LANES, _LINE):
                        _send_for(builder, part(base, w_step, later, number(first), _BYTE))
                read = [
                    builder.load(part(base, w_step, place, number(LANES * v)), align=4)
                    for base in bases
                    for v in range(vectors)
                ]
                for row in range(rows):
                    told = builder.load(part(x, x_step, number(row), place, ir.FloatType()))
                    told = builder.insert_element(vector(ir.Undefined), told, ir.IntType(32)(0))
                    told = builder.shuffle_vector(told, vector(ir.Undefined), zeros)
                    for v in range(columns):
                        term = builder.fmul(told, read[v], flags=fused)
                        total = kept[row, v, chain]
                        builder.store(builder.fadd(builder.load(total), term, flags=fused), total)
        for row, v in itertools.product(range(rows), range(columns)):
            total = builder.load(kept[row, v, 0])
            for chain in range(1, chains):
                total = builder.fadd(total, builder.load(kept[row, v, chain]))
            builder.store(total, part(y, y_step, number(row), number(LANES * v)), align=4)

    def generate(context, builder, signature, arguments):
        rows, panels = arguments[:2]
        memory = (
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args[2:5], arguments[2:5], strict=True)
        )
        told = [*memory, *arguments[5:]]
        for shape in shapes:
            fits = builder.and_(
                builder.icmp_signed("==", rows, rows.type(shape[0])),
                builder.icmp_signed("==", panels, panels.type(shape[1])),
            )
            with builder.if_then(fits):
                tile(context, builder, shape, *told)
        return context.get_dummy_value()

    @intrinsic
    def tiles(typing, rows, panels, x, w, y, count, x_step, w_step, y_step, far):
        whole = types.intp
        return types.void(whole, whole, x, w, y, *[whole] * 5), generate

    return tiles
