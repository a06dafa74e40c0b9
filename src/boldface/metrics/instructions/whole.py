"""Instructions about the whole answer: what it begins and ends with, what it is made of."""

from __future__ import annotations


def repeat_prompt(answer: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the request, in any case."""
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


def two_responses(answer: str) -> bool:
    """Two different responses stand between ``******``; an empty one is allowed at either end only."""
    responses = [response.strip() for response in answer.split("******")]
    given = [response for response in responses if response]
    return all(responses[1:-1]) and len(given) == 2 and given[0] != given[1]


def end_checker(answer: str, *, end_phrase: str) -> bool:
    """The answer ends with the phrase, in any case; quotation marks after it do not count."""
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(answer: str) -> bool:
    """The answer begins and ends with a double quotation mark."""
    text = answer.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def no_comma(answer: str) -> bool:
    """No comma occurs."""
    return "," not in answer
