"""What variables of the environment may say: addresses, files and names, each checked before anything starts.

No message has anything of a value: not a piece of it, neither as it is written nor decoded.
"""
