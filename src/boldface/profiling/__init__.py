"""Which heads, and how far? Trials on examples, methods that rank heads or learn gains, profiles made of them."""
