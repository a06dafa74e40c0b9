"""The Triton kernel against the oracle, in the interpreter or on a GPU."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.vllm.gpu.rows import PLAIN, Rows

PLAINLY = Steering()


@dataclass
class Request:
    """A row: ``prompt`` tokens, ``keys`` tokens in all, the last ``queries`` of which are asked."""

    prompt: int
    keys: int
    queries: int
    steering: Steering = PLAINLY


@dataclass
class Batch:
    """Requests in a paged cache.

    Attributes:
        query: (tokens, heads, head_dim).
        cache: (pages, kv_heads, page, 2 x head_dim), as vLLM allocates it; pages of nobody and slots behind the end
            of a request hold NaN.
        block_table: (rows, pages of a row) int32.
        query_start: (rows + 1,) int32.
        seq_lens: (rows,) int32.
        keys: One (keys, kv_heads, head_dim) a row.
        values: Like it.
        rows: The tables, steered as the requests say.
    """

    requests: list[Request]
    query: torch.Tensor
    cache: torch.Tensor
    block_table: torch.Tensor
    query_start: torch.Tensor
    seq_lens: torch.Tensor
    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    rows: Rows

    def views(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values as the kernel takes them."""
        keys, values = self.cache.transpose(1, 2).split(self.query.shape[-1], dim=-1)
        return keys, values


def draw(requests, *, heads=4, kv_heads=2, head_dim=16, page=16, dtype=torch.float32, device="cpu", seed=0, layer=0):
    """Put random numbers for ``requests`` into a cache whose pages are dealt out in no order."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(shape, generator=generator).to(dtype).to(device)

    needed = [-(-request.keys // page) for request in requests]
    order = torch.randperm(sum(needed) + 2, generator=generator).tolist()
    cache = torch.full((len(order), kv_heads, page, 2 * head_dim), torch.nan, dtype=dtype, device=device)
    table = torch.zeros(len(requests), max(needed), dtype=torch.int32)
    keys, values = [], []
    for row, request in enumerate(requests):
        key, value = random(request.keys, kv_heads, head_dim), random(request.keys, kv_heads, head_dim)
        keys.append(key)
        values.append(value)
        for index in range(needed[row]):
            table[row, index] = order.pop()
            part = slice(index * page, min((index + 1) * page, request.keys))
            filled = torch.cat([key[part], value[part]], dim=-1).transpose(0, 1)
            cache[table[row, index], :, : filled.shape[1]] = filled
    query_start = torch.tensor([0, *(request.queries for request in requests)]).cumsum(0).int().to(device)
    rows = Rows(
        {layer: heads},
        slots=len(requests),
        rows=len(requests) + 3,
        positions=max(max(r.keys, r.prompt) for r in requests),
        device=device,
    )
    slots = []
    for index, request in enumerate(requests):
        laid_out = rows.lay_out(request.steering, request.prompt)
        slots.append(PLAIN if laid_out is None else index + 1)
        if laid_out is not None:
            rows.write(index + 1, laid_out)
    rows.show(slots)
    return Batch(
        requests,
        random(int(query_start[-1]), heads, head_dim),
        cache,
        table.to(device),
        query_start,
        torch.tensor([request.keys for request in requests], dtype=torch.int32, device=device),
        keys,
        values,
        rows,
    )


def expected(batch, *, scale, window=None, softcap=None, sinks=None, layer=0, steered=True):
    """What the oracle answers: (tokens, heads, head_dim) float64."""
    answers = []
    for row, request in enumerate(batch.requests):
        tokens = slice(int(batch.query_start[row]), int(batch.query_start[row + 1]))
        query = batch.query[tokens].cpu().transpose(0, 1)[None]
        key, value = (part[row].cpu().transpose(0, 1)[None] for part in (batch.keys, batch.values))
        positions, columns = torch.arange(request.keys - request.queries, request.keys), torch.arange(request.keys)
        age = positions[:, None] - columns[None, :]
        visible = ((age >= 0) & (age < (window or request.keys)))[None, None]
        bias = torch.zeros(1, query.shape[1], request.queries, request.keys, dtype=torch.float64)
        if steered and not request.steering.is_null:
            plan = build_plan([request.steering], [request.prompt], {layer: query.shape[1]})
            bias = reference.bias(plan, layer, positions, columns, visible)
        answer, _ = reference.attend(query, key, value, visible, bias, scale=scale, softcap=softcap, sinks=sinks)
        answers.append(answer[0].transpose(0, 1))
    return torch.cat(answers)


SCALE = 0.3
GAINS = HeadGains({(0, 0): 1.0, (0, 1): -0.7, (0, 3): 0.45})
MARKED = Steering((TokenSpan(3, 6, 3.0), TokenSpan(8, 9, -2.0)), GAINS)
LATE = Steering((TokenSpan(86, 88, 3.0),), GAINS)
MIXED = [
    Request(12, 12, 12, MARKED),  # prefill
    Request(40, 33, 8, Steering((TokenSpan(28, 31, 4.0),), GAINS)),  # a chunk of one
    Request(9, 21, 1),  # plain decoding
    Request(10, 30, 1, MARKED),  # decoding
    Request(20, 26, 4, Steering((TokenSpan(0, 2, 2.5),), GAINS, scope="answer")),  # decoding with guesses
    Request(20, 20, 7, Steering((TokenSpan(1, 4, 2.5),), GAINS, scope="answer")),  # the last chunk
    Request(14, 19, 1, Steering((TokenSpan(2, 3, 3.5),), GAINS, rule="flat")),
]


def answer(batch, parts=None, **options):
    """What the kernel answers."""
    from boldface.vllm.gpu.attend import attend

    out = torch.full_like(batch.query, torch.nan)
    longest = int(batch.query_start.diff().max())
    keys, values = batch.views()
    attend(
        batch.query,
        keys,
        values,
        batch.block_table,
        batch.query_start,
        batch.seq_lens,
        batch.rows.of(0),
        out,
        scale=SCALE,
        longest_query=longest,
        parts=parts,
        **options,
    )
    return out


def scratch(batch, segments):
    """Parts of the right shape, full of what must not be read."""
    from boldface.vllm.gpu.attend import SMALLEST_BLOCK, Parts

    tokens, heads, head_dim = batch.query.shape
    padded = max(SMALLEST_BLOCK, 1 << (head_dim - 1).bit_length())
    sizes = [(tokens, heads, segments, padded), (tokens, heads, segments), (tokens, heads, segments)]
    return Parts(*(torch.full(size, torch.nan, device=batch.query.device) for size in sizes))


def check(batch, tolerance, parts=None, **options):
    """The kernel's answer is the oracle's, and steering moved it by far more than they differ."""
    found = answer(batch, parts, **options).cpu().double()
    wanted, plain = (expected(batch, scale=SCALE, steered=steered, **options) for steered in (True, False))
    assert (found - wanted).abs().max() <= tolerance
    if any(not request.steering.is_null for request in batch.requests):
        assert (wanted - plain).abs().max() >= 20 * tolerance


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 1.2e-2), (torch.float16, 1.5e-3)], ids=str
)
def test_mixed_rows_equal_the_oracle(device, dtype, tolerance):
    """Prefill, chunks, decoding, guesses, both scopes and rules and plain rows in one launch, in every type."""
    check(draw(MIXED, dtype=dtype, device=device), tolerance)


@pytest.mark.parametrize("window", [4, 16, 100])
def test_behind_a_window(device, window):
    """Generated tokens are lifted while the window reaches the emphasis, and keys outside of it are not read."""
    batch = draw(MIXED, device=device)
    for row, request in enumerate(MIXED):  # vLLM gives pages behind the window to others
        first = max(0, request.keys - request.queries - window + 1)
        for page in range(first // 16):
            batch.cache[batch.block_table[row, page]] = torch.nan
    check(batch, 2e-6, window=window)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (6, 2), (8, 1), (7, 1), (32, 1)])
def test_groups_of_query_heads(device, heads, kv_heads):
    """Any number of query heads a key head, odd ones too."""
    check(draw(MIXED[:4], heads=heads, kv_heads=kv_heads, device=device), 2e-6)


@pytest.mark.parametrize("head_dim", [8, 24, 64, 80, 128, 256])
def test_head_sizes(device, head_dim):
    """Any head size, those that are no power of two and Gemma's too: nothing is widened."""
    check(draw(MIXED[2:4], head_dim=head_dim, device=device), 1e-5)


@pytest.mark.parametrize("page", [1, 16, 48])
def test_page_sizes(device, page):
    """Any page size; a tile may span pages and a page tiles."""
    check(draw(MIXED[:4], page=page, device=device), 2e-6)


def test_sinks_and_soft_caps(device):
    """A sink takes its share with bias 0; the bias comes after the cap, which no fold can."""
    sinks = torch.tensor([0.5, -1.0, 3.0, 0.0], device=device)
    batch = draw(MIXED, device=device)
    found = answer(batch, sinks=sinks, softcap=2.0).cpu().double()
    wanted = expected(batch, scale=SCALE, sinks=sinks.cpu(), softcap=2.0)
    assert (found - wanted).abs().max() <= 2e-6
    for other in ({"sinks": sinks.cpu()}, {"softcap": 2.0}):
        assert (wanted - expected(batch, scale=SCALE, **other)).abs().max() > 1e-2


@pytest.mark.parametrize("segments", [2, 16])
@pytest.mark.parametrize("options", [{}, {"window": 11}, {"sinks": torch.tensor([0.5, -1.0, 3.0, 0.0])}], ids=str)
def test_segments_of_the_keys(device, segments, options):
    """Cutting the keys into segments changes nothing, also where there are fewer tiles than segments."""
    options = {name: value.to(device) if name == "sinks" else value for name, value in options.items()}
    rows = [Request(10, 180, 1, MARKED), Request(9, 21, 1), Request(90, 95, 1, LATE), Request(1, 1, 1)]
    batch = draw(rows, device=device)
    found = answer(batch, scratch(batch, segments), **options).cpu().double()
    cpu = {name: value.cpu() if name == "sinks" else value for name, value in options.items()}
    assert (found - expected(batch, scale=SCALE, **cpu)).abs().max() <= 2e-6
    assert (found - expected(batch, scale=SCALE, steered=False, **cpu)).abs().max() >= 1e-2


def test_isolation(device):
    """Plain rows beside steered ones are bit by bit what they are among themselves."""
    batch = draw(MIXED, device=device)
    steered = answer(batch)
    batch.rows.show([PLAIN] * len(MIXED))
    plain = answer(batch)
    tokens = slice(int(batch.query_start[2]), int(batch.query_start[3]))
    assert torch.equal(steered[tokens], plain[tokens])
    assert not torch.equal(steered, plain)


def test_padding_is_not_read(device):
    """A captured graph has more rows and tokens than a step: they are skipped, whatever the tables hold."""
    batch = draw(MIXED, device=device)
    wanted = answer(batch)
    tokens = len(batch.query)
    more = torch.cat([batch.query, torch.full_like(batch.query[:3], torch.nan)])
    starts = torch.cat([batch.query_start, batch.query_start[-1:].expand(2)])
    lens = torch.cat([batch.seq_lens, torch.zeros_like(batch.seq_lens[:2])])
    table = torch.cat([batch.block_table, torch.zeros_like(batch.block_table[:2])])
    padded = type(batch)(MIXED, more, batch.cache, table, starts, lens, batch.keys, batch.values, batch.rows)
    found = answer(padded)
    assert torch.equal(found[:tokens], wanted)
    assert found[tokens:].isnan().all()


strengths = st.floats(-4, 6).filter(lambda nats: abs(nats) > 0.1)


@st.composite
def requests(draw_):
    """One row with up to two spans, anywhere between the first chunk and long decoding."""
    prompt = draw_(st.integers(2, 40))
    keys = draw_(st.integers(1, prompt + 30))
    queries = 1 if keys > prompt else draw_(st.integers(1, keys))
    edges = sorted(draw_(st.sets(st.integers(0, prompt), min_size=2, max_size=4)))
    spans = tuple(TokenSpan(a, b, draw_(strengths)) for a, b in zip(edges[::2], edges[1::2], strict=False))
    gains = draw_(st.dictionaries(st.tuples(st.just(0), st.integers(0, 3)), st.floats(-2, 2), max_size=4))
    scope, rule = draw_(st.sampled_from(["all", "answer"])), draw_(st.sampled_from(["pasta", "flat"]))
    return Request(prompt, keys, queries, Steering(spans, HeadGains(gains), scope, rule))


@settings(max_examples=15)
@given(rows=st.lists(requests(), min_size=1, max_size=4), window=st.none() | st.integers(1, 50), seed=st.integers(0, 9))
def test_any_batch_equals_the_oracle(device, rows, window, seed):
    """Whatever is asked for, in whatever company."""
    batch = draw(rows, device=device, seed=seed)
    found = answer(batch, window=window).cpu().double()
    assert (found - expected(batch, scale=SCALE, window=window)).abs().max() <= 5e-6


class Recorder:
    """A kernel that remembers its launches: what a captured graph keeps of them."""

    def __init__(self, kernel):
        self.kernel, self.launches = kernel, []

    def __getitem__(self, grid):
        def launch(*args, **options):
            self.launches.append((grid, args, options))
            self.kernel[grid](*args, **options)

        return launch

    def replay(self):
        """Launch again what was launched, over what the tensors hold by now."""
        for grid, args, options in self.launches:
            self.kernel[grid](*args, **options)


def capture(call, monkeypatch, device):
    """Return what replays ``call``: a CUDA graph, or its launches where there is no GPU."""
    from boldface.vllm.gpu import kernel

    if device.type == "cuda":
        call()  # compiles
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return graph.replay
    recorders = [Recorder(getattr(kernel, name)) for name in ("attend_to_pages", "join_segments")]
    for recorder, name in zip(recorders, ("attend_to_pages", "join_segments"), strict=True):
        monkeypatch.setattr(kernel, name, recorder)
    call()
    monkeypatch.undo()
    return lambda: [recorder.replay() for recorder in recorders]


@pytest.mark.parametrize("segments", [None, 4])
def test_replay_over_other_contents(device, segments, monkeypatch):
    """What was captured of a plain dummy batch answers steered requests: contents change, addresses do not."""
    requests = [Request(10, 90, 1, MARKED), Request(9, 21, 1), Request(14, 19, 1, MARKED), Request(2, 2, 1)]
    real = draw(requests, device=device)
    slots = real.rows.slot_of_row.clone()
    rows, room = len(requests), len(requests) + 2
    static = type(real)(
        requests,
        torch.zeros(room, *real.query.shape[1:], device=device),
        real.cache.clone().fill_(0),
        torch.zeros(room, real.block_table.shape[1], dtype=torch.int32, device=device),
        torch.arange(room + 1, dtype=torch.int32, device=device),
        torch.ones(room, dtype=torch.int32, device=device),
        real.keys,
        real.values,
        real.rows,
    )
    out = torch.full_like(static.query, torch.nan)
    parts = None if segments is None else scratch(static, segments)

    def call():
        from boldface.vllm.gpu.attend import attend

        keys, values = static.views()
        attend(
            static.query,
            keys,
            values,
            static.block_table,
            static.query_start,
            static.seq_lens,
            real.rows.of(0),
            out,
            scale=SCALE,
            longest_query=1,
            parts=parts,
        )

    real.rows.show([])
    replay = capture(call, monkeypatch, device)
    static.query[:rows].copy_(real.query)
    static.cache.copy_(real.cache)
    static.block_table[:rows].copy_(real.block_table)
    static.query_start[rows:] = rows
    static.seq_lens[:rows].copy_(real.seq_lens)
    static.seq_lens[rows:] = 0
    for shown in (slots.tolist()[:rows], [PLAIN] * rows):
        real.rows.show(shown)
        replay()
        wanted = expected(real, scale=SCALE, steered=any(shown))
        assert (out[:rows].cpu().double() - wanted).abs().max() <= 2e-6
