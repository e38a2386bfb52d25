// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import java.nio.file.Path;
import java.util.List;

/**
 * What Maven built of a project, and what the user said of it.
 *
 * @param name the project's artifactId
 * @param packaging jar, war, pom, ...
 * @param artifact the main artifact's file; null where there is none
 * @param attached further jars and wars of the project that might be programs, sources and the like
 *     left out
 * @param buildFolder target/
 * @param classPath jars and class folders of the runtime dependencies
 * @param mainClass as the user named it; null where not
 * @param jar the file that the user named; null where not
 */
public record ProjectOutput(String name, String packaging, Path artifact, List<Path> attached,
        Path buildFolder, List<Path> classPath, String mainClass, Path jar) {}
