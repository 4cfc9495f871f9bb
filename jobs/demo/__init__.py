"""The demo's world: a retailer's year, and what its data lacks generated on top of it."""
