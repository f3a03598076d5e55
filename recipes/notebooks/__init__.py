"""The notebooks, and the command that makes their outputs again."""
