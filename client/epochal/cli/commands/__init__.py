"""The commands, one module for each kind of thing. `epochal.cli.parser` lists them."""
