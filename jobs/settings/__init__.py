"""Settings: the configuration's models, layers and checks."""
