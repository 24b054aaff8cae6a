"""ACT (arXiv 2304.13705) with LeRobot's tensor names: a ResNet and a transformer that regress the chunk in one pass.

No language, no flow: `prefix` reads the cameras and the state and returns the chunk itself.
"""
