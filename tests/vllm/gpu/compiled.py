"""Compiles the attention kernel for a GPU that need not be there, and says what it takes of one.

Run as a program: Triton must not interpret. Arguments: architecture (90), size of heads, queries of the longest
row, segments. Prints JSON: what was made, and bytes that the registers spill.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TABLES = {"block_table", "query_start", "seq_lens", "slot_of_row", "facts"}
NUMBERS = {"gains", "nats", "lift", "part_out", "part_top", "part_sum"}
PARTS = {"part_out", "part_top", "part_sum"}


def main(arch: int, head: int, longest: int, segments: int) -> None:
    """Compile for bfloat16 and groups of four query heads."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from boldface.vllm.gpu import kernel
    from boldface.vllm.gpu.attend import padded_size, shape_for

    shape = shape_for(4, head, 2, longest)
    fixed = {
        "HEAD": head,
        "HEAD_PADDED": padded_size(head),
        "GROUP": 4,
        "PAGE": 16,
        "WINDOW": 0,
        "CAPPED": False,
        "HAS_SINK": False,
        "BLOCK_Q": shape.block_q,
        "BLOCK_M": shape.block_m,
        "TILE": shape.tile,
        "SEGMENTS": segments,
        "sinks": None,
    } | (dict.fromkeys(PARTS) if segments == 1 else {})
    function = kernel.attend_to_pages
    types = {"scale": "fp32", "softcap": "fp32"}
    types |= dict.fromkeys(TABLES, "*i32") | dict.fromkeys(NUMBERS, "*fp32")
    types |= dict.fromkeys(("out", "query", "key_cache", "value_cache"), "*bf16")
    signature = {name: "constexpr" if name in fixed else types.get(name, "i32") for name in function.arg_names}
    target = GPUTarget("cuda", arch, 32)
    made = triton.compile(
        ASTSource(fn=function, signature=signature, constexprs=fixed),
        target=target,
        options={"num_warps": shape.warps},
    )
    spilled = spills(made.asm["ptx"], Path(triton.__file__).parent)
    print(json.dumps({"made": sorted(made.asm), "shared": made.metadata.shared, "spilled": spilled}))


def spills(code: str, folder: Path) -> int:
    """Return the bytes that the assembler had to put elsewhere than into registers."""
    architecture = re.search(r"\.target (\w+)", code)[1]
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(code)
        file.flush()
        for program in ("ptxas", "ptxas-blackwell"):
            command = [folder / "backends/nvidia/bin" / program, "-v", f"--gpu-name={architecture}", file.name]
            done = subprocess.run([*command, "-o", "/dev/null"], capture_output=True, text=True)
            if found := re.search(r"(\d+) bytes spill stores", done.stderr):
                return int(found[1])
    raise RuntimeError(done.stderr)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
