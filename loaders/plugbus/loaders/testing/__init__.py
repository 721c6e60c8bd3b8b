"""For those who test plugin folders. The module ``fixtures`` has what pytest wants; nothing else here needs it."""
