"""What goes on inside: whether a profile still does on a model what it did when it was made."""
