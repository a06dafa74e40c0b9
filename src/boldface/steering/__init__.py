"""The maths of steering: torch alone, no model, no tokenizer; shared by every engine."""
