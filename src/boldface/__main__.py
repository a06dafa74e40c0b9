"""``python -m boldface`` is the command ``boldface``."""

from boldface.cli import main

if __name__ == "__main__":
    main()
