"""Keys and values that outlive a call: what may be reused, and where it is kept."""
