"""--to c: one C99 file and its header, without dependencies, with the whole pipeline inside."""

from __future__ import annotations

import re
from pathlib import Path

from chainrule.errors import SettingsError
from chainrule.export import c_columns, c_network, c_text
from chainrule.export.subject import Subject, refuse_without_text
from chainrule.run.files import refuse_unwritable, write_atomic

MOST_INPUTS = 100_000
"""They lie on the stack."""
HEADER = """/* Written by chainrule: {what}. */
#ifndef CHAINRULE_MODEL_H
#define CHAINRULE_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define CHAINRULE_N_OUTPUTS {n_outputs}
#define CHAINRULE_NO_TIME INT64_MIN

/* A row in raw columns. */
struct row {{
{fields}
}};

/* What each number of `out` is about. */
extern const char *const chainrule_outputs[CHAINRULE_N_OUTPUTS];

/* {returns}
   `out` has room for CHAINRULE_N_OUTPUTS numbers. */
int chainrule_predict(const struct row *in, double *out);

#ifdef __cplusplus
}}
#endif

#endif
"""
HEAD = """/* Written by chainrule: {what}.
   C99, libc and libm only; no allocation, no state: any number of threads may call it. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#include "{header}"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "compile without -ffast-math: it changes results"
#endif
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "float must be computed as float: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

typedef {real} real;
typedef {word} word;
#define FMA {fma}
#define ABS {fabs}
#define SQRT {sqrt}
#define COPYSIGN {copysign}
#define LINE {line}
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MICROSECONDS_OF_DAY INT64_C(86400000000)
/* numbers below these count as 0 */
#define SMALL {small}
#define SMALL_OUTPUT {small_output}
"""
TYPES = {
    "float32": {"real": "float", "word": "uint32_t", "line": "16"}
    | {f: f"{f}f" for f in ("fabs", "sqrt", "copysign", "fma")},
    "float64": {"real": "double", "word": "uint64_t", "line": "8"}
    | {f: f for f in ("fabs", "sqrt", "copysign", "fma")},
}
PREDICT = """int chainrule_predict(const struct row *in, double *out) {{
  real x[{n}];
  int k;
  encode(in, x);
  for (k = 0; k < {n}; ++k) x[k] = settled(x[k], SMALL);
{body}
}}
"""
LOCALS = {"v": "double v;", "k": "int k;", "place": "int place;", "absent": "int absent;", "text": "const char *text;",
          "t": "int64_t t;"}  # fmt: skip


def write_c(subject: Subject, path: Path) -> tuple[Path, ...]:
    """Write NAME.c and NAME.h, each whole or not at all; which files these are.

    Raises SettingsError for another ending, or a part of the model that has no text for C.
    """
    if path.suffix != ".c" or re.search(r'["\\\n]', path.name):
        raise SettingsError(f"{path}: must end with .c; the header goes into a .h file beside it.")
    header = path.with_suffix(".h")
    for file in (path, header):
        refuse_unwritable(file)
    refuse_without_text(subject.architecture, c_network.C)
    c_network.refuse_target(subject)
    if subject.architecture.n_inputs > MOST_INPUTS:
        n = subject.architecture.n_inputs
        raise SettingsError(f"the network has {n:,} inputs: must have at most {MOST_INPUTS:,} to be exported to C.")
    source, declared = source_and_header(subject, header.name)
    write_atomic(header, declared.encode())
    write_atomic(path, source.encode())
    return path, header


def source_and_header(subject: Subject, header: str) -> tuple[str, str]:
    """Both files as text."""
    a = subject.architecture
    n = len(subject.networks)
    what = c_text.comment(f"network {a}, {a.hidden}, output {a.output}{f', mean of {n} members' if n > 1 else ''}")
    if subject.pipeline is None:
        fields, tables = f"  double x[{a.n_inputs}];", ""
        lines = f"  for (k = 0; k < {a.n_inputs}; ++k) x[k] = (real)in->x[k];"
    else:
        fields, tables, lines = c_columns.columns_of(subject.pipeline)
    encoding = _encoding(lines)
    forward = c_network.forward(subject)
    names = ",\n  ".join(c_text.text(name, "a class") for name in c_network.names_of_outputs(subject))
    outputs = f"const char *const chainrule_outputs[CHAINRULE_N_OUTPUTS] = {{\n  {names}}};\n"
    predict = PREDICT.format(n=a.n_inputs, body=c_network.combined(subject))
    parts = [
        _head(subject, what, header), *_library("\n".join([encoding, forward, predict]), a.dtype), tables,
        c_network.target_tables(subject), c_network.weights(subject), encoding, forward, outputs, predict,
    ]  # fmt: skip
    declared = HEADER.format(
        what=what, n_outputs=c_network.n_predicted(subject), fields=fields, returns=c_network.returned(subject)
    )
    return "\n".join(part for part in parts if part), declared


def _head(subject: Subject, what: str, header: str) -> str:
    """The guards, the types of the network's numbers, and what counts as 0."""
    a, kind = subject.architecture, c_network.dtype_of(subject.networks[0])
    small = {"small": c_text.number(kind(a.small)), "small_output": c_text.number(kind(a.small * a.small))}
    return HEAD.format(what=what, header=header, **TYPES[a.dtype], **small)


def _encoding(lines: str) -> str:
    """The function that makes the inputs of a row."""
    used = [declared for name, declared in LOCALS.items() if re.search(rf"\b{name}\b(?!\")", _code_of(lines))]
    declared = "".join(f"  {line}\n" for line in used)
    return f"/* the inputs of a row */\nstatic void encode(const struct row *in, real *x) {{\n{declared}{lines}\n}}\n"


def _code_of(lines: str) -> str:
    """The lines without comments and fields."""
    return re.sub(r"/\*.*?\*/|in->\w+", "", lines)


def _library(used: str, dtype: str) -> list[str]:
    """The constants and functions that a text uses, directly or not."""
    known = c_text.functions("columns.c") | c_text.functions("network.c")
    functions = c_text.needed(used, known)
    return [*c_text.needed("\n".join([used, *functions]), c_text.terms(dtype)), *functions]
