"""What holds for all tests."""

import signal

# Whoever starts the tests in the background may have told them to ignore Ctrl-C, and their children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
