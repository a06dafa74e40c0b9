"""Run vLLM with its engine in processes of its own, told what to do and answering by JSON; tests start this."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Answer plain and steered requests; if asked to, send bad ones past the front end in between."""
    from vllm import LLM, SamplingParams

    said = json.loads(sys.argv[1])
    llm = LLM(
        said["folder"],
        dtype="float32",
        enforce_eager=True,
        max_num_seqs=16,
        max_model_len=1024,
        block_size=32,
        skip_tokenizer_init=True,
        **said.get("options", {}),
    )

    def ask(requests):
        plain = {"temperature": 0, "max_tokens": said["tokens"], "logprobs": 0, "detokenize": False, "ignore_eos": True}
        params = [SamplingParams(**plain, extra_args=text and {"boldface": text}) for _, text in requests]
        outputs = llm.generate([{"prompt_token_ids": ids} for ids, _ in requests], params, use_tqdm=False)
        return [
            (
                list(one.token_ids),
                [scores[token].logprob for token, scores in zip(one.token_ids, one.logprobs, strict=True)],
            )
            for one in (output.outputs[0] for output in outputs)
        ]

    answers = ask(said["requests"])
    if said.get("bad"):
        from boldface.vllm import gate

        gate.admit = lambda request, heads: None  # a front end without the plugin
        for text in said["bad"]:
            try:
                ended = ask([(said["requests"][0][0], text)])
                answers.append((ended[0][0], []))
            except Exception as error:
                answers.append(([], [type(error).__name__]))
        answers += ask(said["requests"][:1])
    Path(said["answers"]).write_text(json.dumps(answers))


if __name__ == "__main__":
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    main()
