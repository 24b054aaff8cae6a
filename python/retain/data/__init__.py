"""Demonstrations on disk: LeRobotDataset v3.0, written and read without lerobot.

>>> with DatasetWriter("pick", fps=10, robot_type="tabletop", features={"action": vector(["x", "y"])}) as writer:
...     writer.add_episode("reach the cup", {"action": actions})
>>> Dataset("pick").column("action").shape
"""

from retain.data.describe import Description, describe
from retain.data.features import Feature, camera, vector
from retain.data.reader import Dataset
from retain.data.writer import DatasetWriter

__all__ = ["Dataset", "DatasetWriter", "Description", "Feature", "camera", "describe", "vector"]
