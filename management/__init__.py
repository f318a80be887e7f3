"""What `manage.py` can do, a module for each subject."""
