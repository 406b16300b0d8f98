#!/usr/bin/env python3
"""Takes shells, package tools and interpreters other than Python out of the image's file system, as its last step.

Called with the root to work in. Nothing in the product runs a shell, so that whoever gets in should not find one.
"""

import shutil
import sys
from pathlib import Path

_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "opt/watchkeeper/bin")
_UNWANTED = (
    "sh", "dash", "bash", "rbash", "perl", "perl5*", "apt*", "dpkg*", "pip", "pip3*", "tar", "su", "mount", "umount",
    "chroot", "nsenter", "unshare", "passwd", "chsh", "newgrp", "gpasswd", "chfn",
)  # fmt: skip
_PACKAGES = ("opt/watchkeeper/lib/python3*/site-packages", "usr/local/lib/python3*/site-packages")
_INSTALLERS = ("pip", "pip-*.dist-info", "setuptools", "setuptools-*.dist-info", "wheel", "wheel-*.dist-info")


def strip(root: Path) -> list[str]:
    """Remove what is unwanted below `root`; returns the paths, relative to it."""
    gone = [path for folder in _FOLDERS for name in _UNWANTED for path in sorted((root / folder).glob(name))]
    gone += [
        path
        for folder in _PACKAGES
        for site in root.glob(folder)
        for name in _INSTALLERS
        for path in site.glob(name)
    ]
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return [str(path.relative_to(root)) for path in gone]


if __name__ == "__main__":
    sys.stdout.write("\n".join(strip(Path(sys.argv[1]))) + "\n")
