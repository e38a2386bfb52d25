// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mokapot.maven.support.Advice;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;

class ApplicationFinderTest {
    private static final int MAIN = Opcodes.ACC_PUBLIC | Opcodes.ACC_STATIC;

    @TempDir Path folder;
    private Path library;

    @BeforeEach
    void makeLibrary() throws IOException {
        library = jar("library.jar", Map.of(), "lib/Code", 0);
    }

    /** A jar with a manifest and one class, whose main method has that access; 0: no such method. */
    private Path jar(String name, Map<String, String> attributes, String className, int access)
            throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.forEach((key, value) -> manifest.getMainAttributes().putValue(key, value));
        try (JarOutputStream jar = new JarOutputStream(Files.newOutputStream(file), manifest)) {
            for (String one : className.split(",")) {
                ClassWriter writer = new ClassWriter(0);
                writer.visit(Opcodes.V17, Opcodes.ACC_PUBLIC, one, null, "java/lang/Object", null);
                if (access != 0) {
                    writer.visitMethod(access | Opcodes.ACC_NATIVE, "main", "([Ljava/lang/String;)V", null,
                            null);
                }
                jar.putNextEntry(new ZipEntry(one + ".class"));
                jar.write(writer.toByteArray());
            }
        }
        return file;
    }

    private ProjectOutput project(String packaging, Path artifact, Path... attached) {
        return new ProjectOutput("app", packaging, artifact, List.of(attached), folder,
                List.of(library), null, null);
    }

    private static List<String> target(ProjectOutput project) throws Advice {
        return new ApplicationFinder(project).find().orElseThrow().target();
    }

    private static String advice(ProjectOutput project) {
        return assertThrows(Advice.class, () -> new ApplicationFinder(project).find()).getMessage();
    }

    @Test
    void theOnlyClassWithAMainMethodIsFound() throws Exception {
        Path app = jar("app.jar", Map.of(), "com/acme/Main", MAIN);
        assertEquals(List.of("-cp", app + File.pathSeparator + library, "com.acme.Main"),
                target(project("jar", app)));
    }

    @Test
    void aMethodThatJavaWouldNotStartIsNone() throws Exception {
        Path app = jar("app.jar", Map.of(), "com/acme/Main", Opcodes.ACC_STATIC);
        ApplicationFinder finder = new ApplicationFinder(project("jar", app));
        assertTrue(finder.find().isEmpty());
        assertTrue(finder.nothingFound().getMessage().contains("-Dmokapot.mainClass="));
    }

    @Test
    void severalMainMethodsAreAQuestion() throws Exception {
        Path app = jar("app.jar", Map.of(), "a/One,a/Two", MAIN);
        String message = advice(project("jar", app));
        assertTrue(message.contains("a.One, a.Two"), message);
        assertTrue(message.contains("-Dmokapot.mainClass="), message);
        ProjectOutput named = new ProjectOutput("app", "jar", app, List.of(), folder, List.of(),
                "a.Two", null);
        assertEquals(List.of("-cp", app.toString(), "a.Two"), target(named));
    }

    @Test
    void aManifestWithAClassPathStandsForItself() throws Exception {
        Path app = jar("app.jar", Map.of("Main-Class", "a.One", "Class-Path", "lib/library.jar"),
                "a/One", MAIN);
        assertEquals(List.of(app.toString()), target(project("jar", app)));
    }

    @Test
    void aManifestWithoutClassPathGetsTheProjects() throws Exception {
        Path app = jar("app.jar", Map.of("Main-Class", "a.One", "Add-Opens", "java.base/java.lang"),
                "a/One", MAIN);
        Application found = new ApplicationFinder(project("jar", app)).find().orElseThrow();
        assertEquals(List.of("-cp", app + File.pathSeparator + library, "a.One"), found.target());
        assertEquals(List.of("--add-opens=java.base/java.lang=ALL-UNNAMED"), found.jvmOptions());
    }

    @Test
    void aShadedJarStandsForItself() throws Exception {
        Path app = jar("app.jar", Map.of("Main-Class", "a.One"), "a/One,lib/Code", MAIN);
        assertEquals(List.of(app.toString()), target(project("jar", app)));
    }

    @Test
    void anAttachedJarWithAllInItIsTheProgram() throws Exception {
        Path app = jar("app.jar", Map.of(), "a/One", MAIN);
        Path all = jar("app-jar-with-dependencies.jar", Map.of("Main-Class", "a.One"),
                "a/One,lib/Code", MAIN);
        assertEquals(List.of(all.toString()), target(project("jar", app, all)));
    }

    @Test
    void springBootArchivesAreTheProgramWhereverTheyAre() throws Exception {
        Map<String, String> boot = Map.of("Main-Class",
                "org.springframework.boot.loader.launch.JarLauncher", "Start-Class", "a.One");
        Path app = jar("app.jar", Map.of(), "a/One", MAIN);
        Path exec = jar("app-exec.jar", boot, "a/Loader", 0);
        assertEquals(List.of(exec.toString()), target(project("jar", app, exec)));
        Path war = jar("app.war", boot, "a/Loader", 0);
        assertEquals(List.of(war.toString()), target(project("war", war)));
    }

    @Test
    void aQuarkusFastJarTakesItsFolderAlong() throws Exception {
        Path app = jar("app.jar", Map.of(), "a/One", 0);
        Path runner = jar("quarkus-app/quarkus-run.jar", Map.of("Main-Class", "q.Main"), "q/Main",
                MAIN);
        Application found = new ApplicationFinder(project("jar", app)).find().orElseThrow();
        assertEquals(runner.getParent(), found.folder());
        assertEquals(List.of("quarkus-run.jar"), found.target());
    }

    @Test
    void aWarWithoutAServerIsAdvice() throws Exception {
        Path war = jar("app.war", Map.of(), "WEB-INF/classes/a/One", MAIN);
        ApplicationFinder finder = new ApplicationFinder(project("war", war));
        assertTrue(finder.find().isEmpty());
        assertTrue(finder.nothingFound().getMessage().contains("is a war without a main class"));
    }

    @Test
    void aNamedJarComesFirst() throws Exception {
        Path app = jar("app.jar", Map.of(), "a/One", MAIN);
        Path other = jar("other.jar", Map.of("Main-Class", "o.Main"), "o/Main", MAIN);
        assertEquals(List.of(other.toString()), target(new ProjectOutput("app", "jar", app, List.of(),
                folder, List.of(library), null, other)));
        assertTrue(advice(new ProjectOutput("app", "jar", app, List.of(), folder, List.of(), null,
                folder.resolve("none.jar"))).startsWith("no such file"));
    }

    @Test
    void aDamagedJarIsAdvice() throws Exception {
        Path app = Files.writeString(folder.resolve("app.jar"), "no jar");
        assertTrue(advice(project("jar", app)).contains("mvn clean package"));
    }
}
