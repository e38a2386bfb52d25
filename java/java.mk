# SPDX-License-Identifier: Apache-2.0
#
# The example jars, by the JDK's own tools: a clone needs no Maven to run its first jar. pom.xml
# builds the same sources for those who work on the Java side.

JAVAC ?= javac
JAVA_OUT := $(BUILD)/java
JAVA_EXAMPLES := $(JAVA_OUT)/hello.jar $(JAVA_OUT)/mokapot-bench.jar

HELLO_SOURCES := $(shell find java/examples/hello -name '*.java')

$(JAVA_OUT)/hello.jar: $(HELLO_SOURCES) java/java.mk
	@mkdir -p $(@D)
	$(call step,JAR) rm -rf $(JAVA_OUT)/hello && \
	  $(JAVAC) --release 17 -d $(JAVA_OUT)/hello $(HELLO_SOURCES) && \
	  jar --create --file $@ --main-class io.mokapot.examples.Hello -C $(JAVA_OUT)/hello .

# An open load of a wholesale company (docs/concepts/measuring.md).
BENCH_SOURCES := $(shell find java/bench -name '*.java')

$(JAVA_OUT)/mokapot-bench.jar: $(BENCH_SOURCES) java/java.mk
	@mkdir -p $(@D)
	$(call step,JAR) rm -rf $(JAVA_OUT)/bench && \
	  $(JAVAC) --release 17 -d $(JAVA_OUT)/bench $(BENCH_SOURCES) && \
	  jar --create --file $@ --main-class io.mokapot.bench.Wholesale -C $(JAVA_OUT)/bench .
