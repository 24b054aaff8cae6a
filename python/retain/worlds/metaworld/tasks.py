"""Meta-World's fifty tasks and how they are said."""

import difflib
from typing import Final

from retain.errors import SimulationError

VERSION: Final = "-v3"

TASKS: Final[dict[str, tuple[str, str]]] = {
    "assembly-v3": ("Pick up a nut and place it onto a peg", "Place the nut onto the peg"),
    "basketball-v3": ("Dunk the basketball into the basket", "Place the basketball into the basket"),
    "bin-picking-v3": (
        "Grasp the puck from one bin and place it into another bin",
        "Pick up the puck and place it into another bin",
    ),
    "box-close-v3": ("Grasp the cover and close the box with it", "Place the cover onto the box"),
    "button-press-topdown-v3": ("Press a button from the top", "Push the button down from the top"),
    "button-press-topdown-wall-v3": (
        "Bypass a wall and press a button from the top",
        "Push the button down from the top and bypass the wall",
    ),
    "button-press-v3": ("Press a button", "Push the button"),
    "button-press-wall-v3": ("Bypass a wall and press a button", "Push the button and bypass the wall"),
    "coffee-button-v3": ("Push a button on the coffee machine", "Press the button on the coffee machine"),
    "coffee-pull-v3": ("Pull a mug from a coffee machine", "Get the mug from the coffee machine"),
    "coffee-push-v3": ("Push a mug under a coffee machine", "Slide the mug under the coffee machine"),
    "dial-turn-v3": ("Rotate a dial 180 degrees", "Rotate the dial by 180 degrees"),
    "disassemble-v3": ("Pick a nut out of a peg", "Get the nut off the peg"),
    "door-close-v3": ("Close a door with a revolving joint", "Push and close the door"),
    "door-lock-v3": ("Lock the door by rotating the lock clockwise", "Rotate the lock clockwise and lock the door"),
    "door-open-v3": ("Open a door with a revolving joint", "Pull and open the door"),
    "door-unlock-v3": (
        "Unlock the door by rotating the lock counter-clockwise",
        "Rotate the lock counter-clockwise and unlock the door",
    ),
    "hand-insert-v3": ("Insert the gripper into a hole", "Push the gripper into the hole"),
    "drawer-close-v3": ("Push and close a drawer", "Close the drawer"),
    "drawer-open-v3": ("Open a drawer", "Pull and open the drawer"),
    "faucet-open-v3": ("Rotate the faucet counter-clockwise", "Open the faucet by rotating it counter-clockwise"),
    "faucet-close-v3": ("Rotate the faucet clockwise", "Close the faucet by rotating it clockwise"),
    "hammer-v3": ("Hammer a screw on the wall", "Hammer the screw into the wall"),
    "handle-press-side-v3": ("Press a handle down sideways", "Push the handle down sideways"),
    "handle-press-v3": ("Press a handle down", "Push the handle down"),
    "handle-pull-side-v3": ("Pull a handle up sideways", "Get the handle up sideways"),
    "handle-pull-v3": ("Pull a handle up", "Get the handle up"),
    "lever-pull-v3": ("Pull a lever down 90 degrees", "Rotate the lever down by 90 degrees"),
    "peg-insert-side-v3": ("Insert a peg sideways", "Push the peg into the hole sideways"),
    "pick-place-wall-v3": (
        "Pick a puck, bypass a wall and place the puck",
        "Pick up the puck and place it, bypass the wall",
    ),
    "pick-out-of-hole-v3": ("Pick up a puck from a hole", "Get the puck out of the hole"),
    "reach-v3": ("Reach a goal position", "Get to the goal position"),
    "push-back-v3": ("Push the puck to a goal", "Slide the puck to the goal"),
    "push-v3": ("Push the puck to a goal", "Slide the puck to the goal"),
    "pick-place-v3": ("Pick and place a puck to a goal", "Pick up the puck and get it to the goal"),
    "plate-slide-v3": ("Slide a plate into a cabinet", "Push the plate into the cabinet"),
    "plate-slide-side-v3": ("Slide a plate into a cabinet sideways", "Push the plate into the cabinet sideways"),
    "plate-slide-back-v3": ("Get a plate from the cabinet", "Pull the plate out of the cabinet"),
    "plate-slide-back-side-v3": ("Get a plate from the cabinet sideways", "Pull the plate out of the cabinet sideways"),
    "peg-unplug-side-v3": ("Unplug a peg sideways", "Pull the peg out sideways"),
    "soccer-v3": ("Kick a soccer into the goal", "Push the soccer into the goal"),
    "stick-push-v3": ("Grasp a stick and push a box using the stick", "Push the box with the stick"),
    "stick-pull-v3": ("Grasp a stick and pull a box with the stick", "Pull the box with the stick"),
    "push-wall-v3": ("Bypass a wall and push a puck to a goal", "Push the puck to the goal and bypass the wall"),
    "reach-wall-v3": ("Bypass a wall and reach a goal", "Reach the goal and bypass the wall"),
    "shelf-place-v3": ("Pick and place a puck onto a shelf", "Place the puck onto the shelf"),
    "sweep-into-v3": ("Sweep a puck into a hole", "Push the puck into the hole"),
    "sweep-v3": ("Sweep a puck off the table", "Push the puck off the table"),
    "window-open-v3": ("Push and open a window", "Open the window"),
    "window-close-v3": ("Push and close a window", "Close the window"),
}
"""Task → its description by Meta-World's authors (Yu et al. 2019, arXiv 1910.10897, appendix A), and a paraphrase of
ours that is never demonstrated. Paraphrases use no word that the descriptions together do not."""

MT10: Final = (
    "reach-v3",
    "push-v3",
    "pick-place-v3",
    "door-open-v3",
    "drawer-open-v3",
    "drawer-close-v3",
    "button-press-topdown-v3",
    "peg-insert-side-v3",
    "window-open-v3",
    "window-close-v3",
)
"""The tasks of Meta-World's multi-task benchmark MT10, in its order."""


def parse_task(words: str) -> str:
    """The task that a name, with or without its version, or a description means.

    Raises:
        SimulationError: None, or several.
    """
    said = " ".join(words.lower().split())
    named = said if said.endswith(VERSION) else said.replace(" ", "-") + VERSION
    if named in TASKS:
        return named
    described = [task for task, texts in TASKS.items() if said in {text.lower() for text in texts}]
    if len(described) == 1:
        return described[0]
    if described:
        raise SimulationError(f"{words!r} is said of {' and of '.join(described)}; give the task's name")
    near = difflib.get_close_matches(named, TASKS, n=1, cutoff=0.0)[0]
    raise SimulationError(
        f"Meta-World has no task {words!r}; did you mean {near}? retain.worlds.metaworld.tasks has all"
    )
