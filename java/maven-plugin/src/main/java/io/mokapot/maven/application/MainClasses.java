// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Finds the classes of a jar that {@code java} would start. */
final class MainClasses {
    private static final String SUFFIX = ".class";
    private static final int PUBLIC_STATIC = Opcodes.ACC_PUBLIC | Opcodes.ACC_STATIC;

    private MainClasses() {}

    /** Names of classes with {@code public static void main(String[])}, sorted. */
    static List<String> in(Path jar) throws IOException {
        List<String> names = new ArrayList<>();
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements(); ) {
                ZipEntry entry = entries.nextElement();
                String name = entry.getName();
                // Below META-INF are classes of other Java releases; there the same class stands again.
                if (!name.endsWith(SUFFIX) || name.startsWith("META-INF/")) {
                    continue;
                }
                try (InputStream bytes = zip.getInputStream(entry)) {
                    if (hasMain(bytes.readAllBytes())) {
                        names.add(name.substring(0, name.length() - SUFFIX.length()).replace('/', '.'));
                    }
                }
            }
        }
        names.sort(null);
        return names;
    }

    private static boolean hasMain(byte[] bytes) {
        boolean[] found = {false};
        ClassVisitor visitor = new ClassVisitor(Opcodes.ASM9) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String descriptor,
                    String signature, String[] exceptions) {
                found[0] |= (access & PUBLIC_STATIC) == PUBLIC_STATIC && name.equals("main")
                        && descriptor.equals("([Ljava/lang/String;)V");
                return null;
            }
        };
        try {
            new ClassReader(bytes).accept(visitor,
                    ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        } catch (RuntimeException unreadable) {
            // Damaged, or of a Java release that this ASM does not know yet: no class to propose.
            return false;
        }
        return found[0];
    }
}
