"""Whether an answer follows an instruction that a program can check: the 25 kinds of IFEval.

Definitions: Zhou et al. 2023, *Instruction-Following Evaluation for Large Language Models*, and the code published with
it (google-research, ``instruction_following_eval``). Where the two differ, the code's: it made the numbers.
"""
