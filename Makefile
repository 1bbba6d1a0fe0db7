# SPDX-License-Identifier: Apache-2.0
# Thin over meson: every target installs the packages it needs (as root; nothing happens if they are
# there) and then calls one thing.  HACKING.md says more.
.PHONY: all check check-deep reliability demo bench lab-demo lab-check format clean

# The build of the distribution, whatever else is in PATH.
MESON = /usr/bin/meson
NINJA = /usr/bin/ninja

all:
	@tools/install-deps build
	@test -f build/build.ninja || $(MESON) setup build
	@$(NINJA) -C build

check:
	@tools/install-deps build check
	@tools/check

check-deep:
	@tools/install-deps build check
	@tools/check --deep

reliability:
	@tools/install-deps build check
	@tools/reliability

demo: all
	@tools/demo

bench: all
	@tools/install-deps build check
	@tools/bench

lab-demo: all
	@tools/install-deps build check lab
	@lab/demo

lab-check: all
	@tools/install-deps build check lab
	@lab/check

format:
	@tools/install-deps check
	@find src sim include tests lab -name '*.[ch]' -exec clang-format-14 -i {} +

clean:
	@rm -rf build build-check-*
