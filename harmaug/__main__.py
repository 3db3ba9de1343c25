"""``python -m harmaug``."""

from harmaug.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
