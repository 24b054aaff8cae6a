"""Bundles: an exported policy as a directory of graphs, weights, manifest and golden outputs. No torch, no onnx."""

from retain.bundle.bundle import Bundle
from retain.bundle.contents import WEIGHTS_FILE
from retain.bundle.describe import describe
from retain.bundle.golden import GoldenCase
from retain.bundle.manifest import MANIFEST_FILE, Manifest

__all__ = ["MANIFEST_FILE", "WEIGHTS_FILE", "Bundle", "GoldenCase", "Manifest", "describe"]
