// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** javac over a large tree of sources, or what of it has names that begin so: it must write the same bytes everywhere. */
final class Compiler {
    private Compiler() {}

    public static void main(String[] args) throws Exception {
        Path sources = Path.of(args[1]).resolve("sources"), classes = Path.of(args[1]).resolve("classes");
        List<Path> files = unpack(Path.of(args[0]), sources, args.length > 2 ? args[2] : "");
        Files.createDirectories(classes);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        boolean done;
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            done = compiler.getTask(null, manager, null, List.of("-d", classes.toString(), "-sourcepath", "", "-proc:none",
                    "-nowarn", "--release", "17"), null,
                    manager.getJavaFileObjectsFromPaths(files)).call();
        }
        Digest digest = new Digest();
        int count = 0;
        try (Stream<Path> made = Files.walk(classes).filter(Files::isRegularFile).sorted()) {
            for (Path file : (Iterable<Path>) made::iterator) {
                digest.add(classes.relativize(file).toString()).add(Files.readAllBytes(file));
                count++;
            }
        }
        System.out.println(files.size() + " sources, " + (done ? "compiled" : "refused") + ", " + count + " classes, " + digest.hex());
    }

    private static List<Path> unpack(Path jar, Path folder, String below) throws IOException {
        List<Path> files = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(jar))) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                if (!entry.getName().endsWith(".java") || entry.getName().endsWith("module-info.java")) {
                    continue;
                }
                Path file = folder.resolve(entry.getName());
                Files.createDirectories(file.getParent());
                Files.write(file, zip.readAllBytes());
                if (entry.getName().startsWith(below)) {
                    files.add(file);
                }
            }
        }
        files.sort(null);
        return files;
    }
}
