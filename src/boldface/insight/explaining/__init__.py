"""What the emphasis did to one answer: where every head looked, and which heads made the answer what it is."""
