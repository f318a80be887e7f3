"""The commands of `manage.py`, each one function, in the module of its subject."""
