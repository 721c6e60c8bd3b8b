"""The commands, one a module, each with its ``command``."""
