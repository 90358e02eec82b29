"""``ftft recipes``: the experiments that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Print this recipe; without a name they are listed.")
    ] = None,
) -> None:
    """List the recipes, or print one: `ftft recipes NAME > experiment.yaml`.

    A recipe's name can stand wherever an experiment file can, as in `ftft run NAME`, where no
    file is called that.
    """
    from ftft.config.recipe import find_recipe, near_recipes
    from ftft.config.recipe import recipes as all_recipes
    from ftft.errors import ConfigError

    if name is None:
        from ftft.cli.show import show_recipes

        show_recipes(all_recipes())
        return
    recipe = find_recipe(name)
    if recipe is None:
        near = near_recipes(name)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(
            f"{name}: there is no such recipe.{hint} `ftft recipes` without a name lists them."
        )
    typer.echo(recipe.text, nl=False)
