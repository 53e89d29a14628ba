"""One room for each system of the thesis; nothing in one room imports another."""
