# SPDX-License-Identifier: Apache-2.0
#
# make install and uninstall (PREFIX, DESTDIR), make dist: a Debian package and a relocatable archive, with
# their checksums, in build/dist. All three take what is in build/stage.

PREFIX ?= /usr/local
DESTDIR ?=
MOKA_VERSION := $(shell sed -n 's/.*kMokaVersion = "\(.*\)";/\1/p' launcher/support/version.h)

STAGE := $(BUILD)/stage
STAGED := $(STAGE)/done
STAGE_INPUTS := $(MOKA) $(KERNEL) LICENSE README.md docs/man/moka.1 \
  $(wildcard launcher/install/*) launcher/support/version.h

$(STAGED): $(STAGE_INPUTS)
	$(call step,STAGE) launcher/install/stage.sh $(STAGE)/tree $(MOKA) $(KERNEL) $(BUILD)/third-party && touch $@

.PHONY: install uninstall dist
install: $(STAGED)
	@launcher/install/copy_tree.sh install $(STAGE)/tree '$(DESTDIR)$(PREFIX)'

# What this version would install, and nothing else.
uninstall: $(STAGED)
	@launcher/install/copy_tree.sh uninstall $(STAGE)/tree '$(DESTDIR)$(PREFIX)'

dist: $(STAGED)
	@launcher/install/dist.sh $(STAGE)/tree $(MOKA_VERSION) launcher/packages.txt $(BUILD)/dist
