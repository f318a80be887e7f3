"""`python -m benchmarks.page.app SCRIPT`: a script of this package served as the dashboard is served."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dashboard import app, resources
from dashboard.configuration import options


def main(script: str) -> None:
    settings, secret = resources.settings(), resources.cookie_secret()
    os.environ["STREAMLIT_SERVER_COOKIE_SECRET"] = secret
    served = app.create_app(
        settings, engine=resources.engine(), cookie_secret=secret, script=Path(__file__).with_name(script)
    )
    served.run(config=options(settings))


if __name__ == "__main__":
    main(sys.argv[1])
