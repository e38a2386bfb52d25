// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import java.nio.file.Path;
import java.util.List;

/**
 * What moka is to run.
 *
 * @param description for people: what it was taken for
 * @param folder copied into the VM as the place where the program starts; null for none
 * @param jvmOptions what the way of starting it needs of the JVM
 * @param target moka's words for it: a jar, or {@code -cp PATH MAINCLASS}
 */
public record Application(String description, Path folder, List<String> jvmOptions,
        List<String> target) {}
