"""`python -m doyen_platform.cli`, the same as `doyen`."""

from doyen_platform.cli.root import main

if __name__ == "__main__":
    main()
