"""The roof: the command line, the wiring of stages, the supervisor and the demo."""
