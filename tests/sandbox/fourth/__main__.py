"""The sandbox with one more provider."""

import runpy

import sandbox
from tests.sandbox.fourth import FOLDER

sandbox.__path__.append(FOLDER)
runpy.run_module("sandbox", run_name="__main__")
