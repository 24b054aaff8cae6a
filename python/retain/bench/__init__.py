"""Measurements that belong to the product: on the computer that will drive the robot, with what it is beside them."""
