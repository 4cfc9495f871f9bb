"""Who is who: keys, links, owners and components."""
