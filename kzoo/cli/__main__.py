"""`python -m kzoo.cli`, the same as `kzoo`."""

from kzoo.cli import main

main()
