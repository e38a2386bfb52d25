# SPDX-License-Identifier: Apache-2.0
#
# The example jar and moka's archive for Maven, by the JDK's own tools: a clone needs no Maven to run
# its first jar. java/pom.xml builds the rest, and the same sources for those who work on the Java side.

JAVAC ?= javac
JAVA_OUT := $(BUILD)/java
JAVA_EXAMPLES := $(JAVA_OUT)/hello.jar $(JAVA_OUT)/mokapot-bench.jar
MAVEN_DIST := $(JAVA_OUT)/mokapot-dist-linux-x86_64.jar

HELLO_SOURCES := $(shell find java/examples/hello -name '*.java')

$(JAVA_OUT)/hello.jar: $(HELLO_SOURCES) java/java.mk
	@mkdir -p $(@D)
	$(call step,JAR) rm -rf $(JAVA_OUT)/hello && \
	  $(JAVAC) --release 17 -d $(JAVA_OUT)/hello $(HELLO_SOURCES) && \
	  jar --create --file $@ --main-class io.mokapot.examples.Hello -C $(JAVA_OUT)/hello .

# An open load of a wholesale company (docs/concepts/measuring.md).
BENCH_SOURCES := $(shell find java/bench/src/main -name '*.java')

$(JAVA_OUT)/mokapot-bench.jar: $(BENCH_SOURCES) java/java.mk
	@mkdir -p $(@D)
	$(call step,JAR) rm -rf $(JAVA_OUT)/bench && \
	  $(JAVAC) --release 17 -d $(JAVA_OUT)/bench $(BENCH_SOURCES) && \
	  jar --create --file $@ --main-class io.mokapot.bench.Wholesale -C $(JAVA_OUT)/bench .

# moka and the kernel as the Maven plugin gets them (java/dist). The same contents give the same
# archive: its name in the plugin's cache is its digest.
$(MAVEN_DIST): $(MOKA) $(KERNEL) java/java.mk
	@rm -rf $(JAVA_OUT)/dist && mkdir -p $(JAVA_OUT)/dist
	$(call step,JAR) strip -o $(JAVA_OUT)/dist/moka $(MOKA) && \
	  cp $(KERNEL) $(JAVA_OUT)/dist/mokapot-kernel.elf && \
	  jar --create --file $@ --no-manifest --date=2020-01-01T00:00:00Z \
	    -C $(JAVA_OUT)/dist moka -C $(JAVA_OUT)/dist mokapot-kernel.elf

# The plugin into this user's own Maven repository: then `mvn io.mokapot:mokapot-maven-plugin:run`.
.PHONY: install-maven-plugin
install-maven-plugin:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) $(MAVEN_DIST)
	@mvn -q -B -f java/pom.xml -Dmokapot.dist.file=$(abspath $(MAVEN_DIST)) -pl dist,maven-plugin -am install
