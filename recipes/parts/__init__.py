"""Parts of one recipe each: its methods, its measures, what it prints and draws."""
