"""Generated rules and lines, and what vedette's engine and Loki's LogQL say of them."""
