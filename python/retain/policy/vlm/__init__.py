"""What policies around a vision-language backbone share (SmolVLA, π0): frames, positions, attention, flow.

Plain functions of tensors, made of operations that a graph expresses with static shapes; tables are computed, not
stored, so that a graph holds no constants of its own.
"""
