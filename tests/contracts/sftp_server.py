"""A folder by SFTP on a free port of loopback, which it prints: ``python sftp_server.py FOLDER``."""

# ruff: noqa: T201 - what it prints is what it is asked
# What it serves with is in an environment of its own.
# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import sys

import asyncssh


class Anybody(asyncssh.SSHServer):  # type: ignore[misc] # it is installed beside the servers alone
    """Let everybody in who knows the password."""

    def password_auth_supported(self) -> bool:
        """Say that there is one."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Look at it."""
        return (username, password) == ("somebody", "hush")


async def serve(folder: str) -> None:
    """Serve until the process is ended."""
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        server_factory=Anybody,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=folder),
    )
    print(f"127.0.0.1:{server.get_port()}", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
