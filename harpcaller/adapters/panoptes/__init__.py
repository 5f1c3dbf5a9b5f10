"""The Panoptes Monitor Specification; here what monitors are told."""
