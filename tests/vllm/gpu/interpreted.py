"""vLLM on a CPU with the attention that is made for GPUs, all of its Triton kernels and vLLM's own interpreted.

Run as a program: Triton has to be told before it is imported. Arguments: a folder of a model, the runner (v1 or v2), a
file of requests (pickled by torch), a file for the answers, and options of the engine as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace


class Driver:
    """Stands for the driver of a machine without one."""

    @staticmethod
    def is_active():
        """Whether Triton should take it by itself."""
        return False


def main(folder: str, runner: str, requests: str, answers: str, options: str) -> None:
    """Answer the requests twice, the second time in reverse order from the cache."""
    os.environ.update(
        TRITON_INTERPRET="1",
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        VLLM_USE_V2_MODEL_RUNNER=str(int(runner == "v2")),
        BOLDFACE_VLLM="0",
    )
    import torch
    import triton.backends

    torch.cuda.get_device_capability = lambda device=None: (9, 0)  # asked by the kernel that writes into the cache
    triton.backends.backends["cpu"] = triton.backends.Backend(compiler=None, driver=Driver)  # else vLLM goes without

    from vllm import LLM, SamplingParams
    from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend

    from boldface.vllm import install, wire
    from boldface.vllm.gpu import install as gpu
    from boldface.vllm.seams import Seam

    wrappers = dict(gpu.WRAPPERS)
    if runner == "v1":  # the one for CPUs loads in its own way
        wrappers[Seam("vllm.v1.worker.cpu_model_runner", "CPUModelRunner.load_model", ("self",))] = gpu._seat

    def register():
        register_backend(AttentionBackendEnum.CPU_ATTN, gpu.TRITON)

    install._part = lambda: SimpleNamespace(WRAPPERS=wrappers, check=gpu.check, register=register)
    install.install()

    settings = {"enforce_eager": True, "max_num_seqs": 8, "max_model_len": 256, "block_size": 32}
    llm = LLM(folder, dtype="float32", skip_tokenizer_init=True, **settings | json.loads(options))

    def ask(cases):
        params = [
            SamplingParams(
                temperature=0,
                max_tokens=length,
                logprobs=0,
                detokenize=False,
                ignore_eos=True,
                extra_args=None if text is None else {wire.KEY: text},
            )
            for _, text, length in cases
        ]
        outputs = llm.generate([{"prompt_token_ids": ids} for ids, _, _ in cases], params, use_tqdm=False)
        return [
            (
                list(output.outputs[0].token_ids),
                [next(iter(scored.values())).logprob for scored in output.outputs[0].logprobs],
                output.num_cached_tokens or 0,
            )
            for output in outputs
        ]

    cases = torch.load(requests)
    torch.save([ask(cases), ask(cases[::-1])[::-1]], answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
