# SPDX-License-Identifier: Apache-2.0
"""program - sync.pml as a program, made by spin and gcc."""
import os
import subprocess
import sys

from expand import expand
from settings import switches_h

HERE = os.path.dirname(os.path.abspath(__file__))


def processor_seconds():
    """Of all programs run so far: what a table can show of a machine that others use too."""
    times = os.times()
    return times.children_user + times.children_system


class Program:
    """sync.pml with these options of cpp and gcc, compiled once in its folder."""

    def __init__(self, folder, cpp_options, gcc_options):
        self.folder = folder
        self.seconds = 0.0  # that the compilation took; 0: it was there
        os.makedirs(self.folder, exist_ok=True)
        start = processor_seconds()
        self.write("switches.h", switches_h())
        text = expand(os.path.join(HERE, "sync.pml"), ["-I", self.folder, *cpp_options])
        if self.read("sync.pml") == text and os.path.exists(os.path.join(self.folder, "pan")):
            return
        self.write("sync.pml", text)
        self.must(["spin", "-a", "sync.pml"])
        self.must(["gcc", os.environ.get("MODEL_CFLAGS", "-O1"), "-DSAFETY", *gcc_options, "-w",
                   "-o", "pan", "pan.c"])
        self.seconds = processor_seconds() - start

    def read(self, name):
        """The text of a file in the folder, or None."""
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name, text):
        """Writes a file in the folder."""
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def must(self, command):
        """Runs what cannot fail."""
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")

    def run(self, arguments, settings, stdin=""):
        """What the program prints with these arguments and settings of the model."""
        env = dict(os.environ, **{name: str(value) for name, value in settings.items()})
        done = subprocess.run(["./pan", *arguments], cwd=self.folder, env=env, text=True,
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        return done.stdout
