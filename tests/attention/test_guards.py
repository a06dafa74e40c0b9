"""What is not exact, or not the steered prompt, is refused before it runs."""

import copy
import threading

import pytest
import torch
from transformers import DynamicCache

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.errors import HeadError, ModelBusyError, PromptMismatchError, RouteError, SpanError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan
from boldface.testing import sample, tiny

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def model():
    return tiny("llama")


@pytest.fixture
def batch(model):
    return sample(model)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def test_nested_attachments_are_refused(model, batch):
    """A model that is steered cannot be steered again before the first attachment ends."""
    with Attachment(model, batch.plan):
        with pytest.raises(ModelBusyError, match="already steered"):
            Attachment(model, batch.plan)
        assert model(batch.ids).logits.shape[0] == 3
    Attachment(model, batch.plan).detach()


def test_another_thread_is_refused(model, batch):
    """A forward from a thread that did not attach is an error there, not a steered answer."""
    caught = []

    def call():
        try:
            with torch.no_grad():
                model(batch.ids)
        except ModelBusyError as error:
            caught.append(error)

    with Attachment(model, batch.plan, prompt=batch.prompt):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert len(caught) == 1
    model(batch.ids)


def test_refused_thread_does_not_disturb_the_running_forward(model, batch):
    """A call from another thread in the middle of a steered forward changes nothing there."""
    cache = model(batch.ids[:, :8], use_cache=True).past_key_values
    caught = []

    def call():
        try:
            model(batch.ids[:, 8:], past_key_values=cache)
        except ModelBusyError as error:
            caught.append(error)

    def interrupt(module, inputs):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    with Attachment(model, batch.plan, prompt=batch.prompt):
        alone = model(batch.ids).logits
        hook = model.model.layers[1].self_attn.register_forward_pre_hook(interrupt)
        try:
            disturbed = model(batch.ids).logits
        finally:
            hook.remove()
    assert len(caught) == 1 and torch.equal(disturbed, alone)


def test_another_prompt_is_refused(model, batch):
    """Other token ids, other rows and a shifted prompt are not the prompt that was steered."""
    other = batch.ids.clone()
    other[1, 3] = 1 + other[1, 3] % 60
    with Attachment(model, batch.plan, prompt=batch.prompt):
        for wrong in (other, batch.ids[:2], batch.ids[:, 1:], batch.ids.flip(0)):
            with pytest.raises(PromptMismatchError, match="another prompt"):
                model(wrong)
        model(batch.ids)


def test_prompt_as_embeddings_is_refused(model, batch):
    """Embeddings of the prompt cannot be compared with its ids and are refused; behind the prompt they may come."""
    embedded = model.get_input_embeddings()(batch.ids)
    with Attachment(model, batch.plan, prompt=batch.prompt):
        for wrong in (embedded, embedded[:, :5], embedded[:1]):
            with pytest.raises(PromptMismatchError, match="inputs_embeds"):
                model(inputs_embeds=wrong)
        whole = model(batch.ids).logits
        cache = model(batch.prompt, use_cache=True).past_key_values
        rest = model(inputs_embeds=embedded[:, 14:], past_key_values=cache).logits
    assert (rest - whole[:, 14:]).abs().max() <= 1e-5


@pytest.mark.parametrize("architecture", ["llama", "gptj"])
@pytest.mark.parametrize("by", ["argument", "config", "generate"])
def test_attention_weights_are_refused(architecture, by):
    """No route keeps the weights of steered layers, so asking for them is an error; detached, the model gives all."""
    model = tiny(architecture, "eager")
    batch = sample(model)
    options = {} if by == "config" else {"output_attentions": True}
    with Attachment(model, batch.plan, prompt=batch.prompt):
        model.config.output_attentions = by == "config"
        try:
            with pytest.raises(RouteError, match="output_attentions"):
                if by == "generate":
                    model.generate(batch.prompt, max_new_tokens=2, return_dict_in_generate=True, **options)
                else:
                    model(batch.ids, **options)
        finally:
            model.config.output_attentions = False
        model(batch.ids)
    weights = model(batch.ids, output_attentions=True).attentions
    assert [each.shape[0] for each in weights] == [3] * model.config.num_hidden_layers


def test_rows_are_expected_in_the_order_of_generate(model, batch):
    """Rows repeated as beams repeat them are the prompt; repeated as a whole they are not."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        model(batch.ids.repeat_interleave(2, dim=0))
        with pytest.raises(PromptMismatchError, match="another prompt"):
            model(batch.ids.repeat(2, 1))


def test_batch_that_is_no_multiple_is_refused(model, batch):
    """Without a prompt to compare, a batch that does not divide by the steered rows is refused."""
    with Attachment(model, batch.plan), pytest.raises(SpanError, match="2 rows reached the model, 3 were steered"):
        model(batch.ids[:2])


@pytest.mark.parametrize("steered_before", [False, True])
def test_foreign_cache_is_refused(model, batch, steered_before):
    """A cache that holds more than the tokens before the emphasis, computed without it, is refused."""
    stale = model(batch.ids[:, :8], use_cache=True).past_key_values
    with Attachment(model, batch.plan, prompt=batch.prompt):
        if steered_before:
            model(batch.prompt, use_cache=True)
        with pytest.raises(PromptMismatchError, match="cache holds 8 tokens"):
            model(batch.ids[:, 8:14], past_key_values=stale)


def test_cache_of_another_emphasis_is_refused(model, batch):
    """A cache that was steered by an attachment that has ended is foreign to the next one."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        cache = model(batch.prompt, use_cache=True).past_key_values
    with Attachment(model, batch.plan, prompt=batch.prompt), pytest.raises(PromptMismatchError, match="cache holds 14"):
        model(batch.ids[:, 14:], past_key_values=cache)


def test_plain_cache_of_the_prefix_is_accepted(model, batch):
    """A plain cache of the tokens before the emphasis can be shared: the answer is that of one forward."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        whole = model(batch.ids).logits
    cache = model(batch.ids[:, :2], use_cache=True).past_key_values
    with Attachment(model, batch.plan, prompt=batch.prompt):
        rest = model(batch.ids[:, 2:], past_key_values=cache).logits
    assert (rest - whole[:, 2:]).abs().max() <= 1e-5


def test_cache_steered_before_a_later_emphasis_is_refused(model, batch):
    """A cache that another emphasis steered is stale also where it ends before the next emphasis starts."""
    gains = batch.rows[0].gains
    early, late = (
        build_plan([Steering((TokenSpan(at, at + 1, 3.0),), gains)], [14], geometry(model).heads) for at in (2, 12)
    )
    prompt = batch.prompt[:1]
    with Attachment(model, early, prompt=prompt):
        cache = model(prompt[:, :8], use_cache=True).past_key_values
    stale = copy.deepcopy(cache)
    with Attachment(model, late, prompt=prompt):
        with pytest.raises(PromptMismatchError, match=r"holds 8 tokens(?s:.*)at most the 2 tokens"):
            model(prompt[:, 8:], past_key_values=stale)
        whole = model(prompt).logits
        cache.crop(-6)
        rest = model(prompt[:, 2:], past_key_values=cache).logits
    assert (rest - whole[:, 2:]).abs().max() <= 1e-5


def test_cache_that_was_not_yet_steered_is_plain(model, batch):
    """A cache that an attachment filled before its emphasis can go on anywhere a plain one can."""
    gains = batch.rows[0].gains
    early, late = (
        build_plan([Steering((TokenSpan(at, at + 1, 3.0),), gains)], [14], geometry(model).heads) for at in (3, 12)
    )
    prompt = batch.prompt[:1]
    with Attachment(model, early, prompt=prompt):
        cache = model(prompt[:, :3], use_cache=True).past_key_values
    model(prompt[:, 3:8], past_key_values=cache)
    with Attachment(model, late, prompt=prompt):
        whole = model(prompt).logits
        rest = model(prompt[:, 8:], past_key_values=cache).logits
    assert (rest - whole[:, 8:]).abs().max() <= 1e-5


def test_cache_may_be_a_positional_argument(model, batch):
    """A cache that is not named when the decoder is called says where the queries stand all the same."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        whole = model.model(batch.ids).last_hidden_state
        cache = DynamicCache(config=model.config)
        model.model(batch.prompt, None, None, cache, use_cache=True)
        rest = model.model(batch.ids[:, 14:15], None, None, cache, use_cache=True).last_hidden_state
    assert (rest - whole[:, 14:15]).abs().max() <= 1e-5


def test_cache_that_the_model_made_is_ours(model, batch):
    """A cache that the model made in a steered forward can be decoded with, and not by the next attachment."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        whole = model(batch.ids).logits
        output = model(batch.prompt, use_cache=True)
        step = model(batch.ids[:, 14:15], past_key_values=output.past_key_values).logits
    assert (step - whole[:, 14:15]).abs().max() <= 1e-5
    with Attachment(model, batch.plan, prompt=batch.prompt), pytest.raises(PromptMismatchError, match="holds 15"):
        model(batch.ids[:, 15:], past_key_values=output.past_key_values)


def test_copied_and_cropped_cache_is_ours(model, batch):
    """Copies and crops of a cache that this attachment filled are accepted."""
    with Attachment(model, batch.plan, prompt=batch.prompt):
        cache = DynamicCache(config=model.config)
        whole = model(batch.ids, past_key_values=cache).logits
        short = copy.deepcopy(cache)
        short.crop(-2)
        rest = model(batch.ids[:, -2:], past_key_values=short).logits
    assert (rest - whole[:, -2:]).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("architecture", "head", "message"),
    [
        ("llama", (3, 0), "layer 3 cannot be steered"),
        ("llama", (0, 9), "layer 0 has 9 query heads"),
        ("gemma3", (1, 4), "layer 1 has 4 query heads"),
        ("qwen3_next", (0, 0), "layer 0 cannot be steered"),
    ],
)
def test_unknown_heads_are_refused(architecture, head, message):
    """Layers and heads that do not exist, and linear-attention layers, are refused by name."""
    heads = geometry(tiny(architecture)).heads
    with pytest.raises(HeadError, match=message):
        build_plan([Steering((TokenSpan(0, 1, 1.0),), HeadGains([head]))], [4], heads)


def test_unknown_route_is_refused(model, batch):
    """A route that does not exist is an error that lists those that do; the model stays free."""
    with pytest.raises(RouteError, match=r"no route 'fast'.*reference, sdpa"):
        Attachment(model, batch.plan, route="fast")
    Attachment(model, batch.plan).detach()


@pytest.mark.parametrize("route", ["sdpa", "fused", "folded", "split"])
def test_inexact_route_is_refused_with_its_reason(route):
    """Soft-capped scores refuse every route that would put the bias before the cap."""
    gemma = tiny("gemma2")
    batch = sample(gemma)
    with Attachment(gemma, batch.plan, route=route), pytest.raises(RouteError, match=f"{route}.*soft-capped"):
        gemma(batch.ids)


def test_dropout_is_refused():
    """A model in training mode with attention dropout is refused; its results would be random."""
    dropping = copy.deepcopy(tiny("llama")).train()
    for layer in dropping.model.layers:
        layer.self_attn.attention_dropout = 0.1
    batch = sample(dropping)
    with Attachment(dropping, batch.plan):
        with pytest.raises(RouteError, match="dropout"):
            dropping(batch.ids)
        cache = dropping.eval()(batch.ids, use_cache=True).past_key_values
        for _ in range(2):
            dropping(batch.ids[:, -1:], past_key_values=cache)
        with pytest.raises(RouteError, match="dropout"):
            dropping.train()(batch.ids[:, -1:], past_key_values=cache)


@pytest.mark.parametrize("route", ["reference", "sdpa", "fused", "split", "flex"])
def test_position_bias_is_not_dropped(route, model, batch, monkeypatch):
    """A layer that adds a position bias of its own, with or without a mask, is refused where it would be lost."""
    own = type(model.model.layers[0].self_attn).forward

    def biased(module, *args, **options):
        return own(module, *args, position_bias=torch.zeros(1, 1, 14, 14), **options)

    monkeypatch.setattr(type(model.model.layers[0].self_attn), "forward", biased)
    for mask in (None, torch.ones(1, 1, 14, 14, dtype=torch.bool).tril()) if route != "fused" else (None,):
        with Attachment(model, batch.plan, route=route), pytest.raises(RouteError, match="position bias"):
            model(batch.prompt, attention_mask=mask)
