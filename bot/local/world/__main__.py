"""`python -m bot.local.world '<JSON>'`: the world as a process of its own, with WorldOptions as JSON."""

import json
import sys
from pathlib import Path

from bot.local.world.options import WorldOptions
from bot.local.world.server import serve


def main() -> None:
    """Decode the options and serve."""
    given = json.loads(sys.argv[1])
    try:
        serve(WorldOptions(**{**given, "data_dir": Path(given["data_dir"])}))
    except OSError as error:
        sys.exit(f"the simulated world cannot start: {error}")


if __name__ == "__main__":
    main()
