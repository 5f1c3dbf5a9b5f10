"""The dispatcher's configuration: read at the top, handed down as plain values."""

from harpcaller.config.load import load_config
from harpcaller.config.problems import ConfigError, Problem
from harpcaller.config.values import Config

__all__ = ["Config", "ConfigError", "Problem", "load_config"]
