"""Documents for the demo's experts, made from installed packages. It knows no database and no server.

Run in a child process, since it imports what it describes: `python -m doyen_platform.demo.corpora OUTPUT_DIR`.
"""
