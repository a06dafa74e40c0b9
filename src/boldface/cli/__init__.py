"""The command line: one file a verb. Nothing here loads torch before a verb needs a model."""


def main() -> None:
    """Run the command ``boldface`` with the process's arguments, and exit."""
    from boldface.cli.app import app

    app(prog_name="boldface")
