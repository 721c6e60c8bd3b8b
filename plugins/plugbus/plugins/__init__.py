"""What ships with plugbus: each folder is a plugin with a manifest, found and loaded like any other."""

__all__: list[str] = []
