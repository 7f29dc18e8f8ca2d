"""`python -m lmdr.sample FOLDER [--seed N] [--scale X]`."""

from __future__ import annotations

from pathlib import Path

import click

from lmdr.sample.site import write_site


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(min=0), help="Multiplies the sizes.")
def main(folder: Path, seed: int, scale: float) -> None:
    """Write a synthetic LMDR site into FOLDER, for a sandbox to load."""
    click.echo(write_site(folder, seed=seed, scale=scale))


if __name__ == "__main__":
    main()
