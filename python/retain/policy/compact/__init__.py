"""`compact`: the built-in vision-language-action policy of about two million parameters.

vision (conv, attention pooling) and language (encoder, backbone) read the observation once; the flow-matching action
expert attends to the keys and values that this prefix leaves behind.
"""
